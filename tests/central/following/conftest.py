"""What the tests of following a central store share."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.central.conftest import Central
from tests.central.server import wait_until
from tests.central.shippers import ship
from tests.central.stores import Recorder, some_execs
from tests.conftest import EXECDB, MACHINE
from tests.processes.process import Process

_IDLE = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'execdb' AND state = 'idle'"
    " AND datname = %s AND query = 'COMMIT'"
)


_BUSY = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'execdb' AND state <> 'idle'"
    " AND datname = %s"
)


@dataclass
class Followed:
    """A process of `query --follow` whose output is in files, so that it never waits."""

    process: Process[bytes]
    folder: Path
    read: int = field(default=0)

    @property
    def out(self) -> list[str]:
        return (self.folder / "out").read_text().splitlines()

    @property
    def err(self) -> str:
        return (self.folder / "err").read_text()

    def shows(self, count: int) -> list[str]:
        """The next lines, as soon as there are so many."""
        wait_until(lambda: len(self.out) >= self.read + count or self.process.poll() is not None)
        new, self.read = self.out[self.read :], self.read + count
        assert len(new) == count, (new, self.err)
        return new

    def says(self, text: str) -> None:
        wait_until(lambda: text in self.err or self.process.poll() is not None)
        assert text in self.err

    @contextmanager
    def paused(self, central: Central) -> Iterator[None]:
        """Between two looks. It goes on at the end, or earlier with `resume`."""
        while True:
            self.process.send_signal(signal.SIGSTOP)
            if not central.value(_BUSY, central.name):
                break
            self.resume()
            time.sleep(0.1)  # a look is over soon
        yield
        self.resume()

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def ends(self) -> int:
        """The exit code after Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


class Host:
    """A host whose recorder and forwarder are driven by hand."""

    def __init__(self, folder: Path, name: str, url: str) -> None:
        self.machine = replace(MACHINE, host=name, boot_id=f"boot of {name}")
        self.path, self._url = folder / f"{name}.db", url
        self.recorder = Recorder(self.path, self.machine)

    def ship(self, *written: Any, **more: Any) -> None:
        if written or more:
            self.recorder.write(*written, **more)
        ship(self.path, self._url)

    def starts_again(self, at_ns: int) -> None:
        self.recorder = Recorder(self.path, self.machine)
        with self.recorder.database.writing() as connection:
            connection.execute(
                "UPDATE run SET started_ns = ? WHERE id = (SELECT max(id) FROM run)", (at_ns,)
            )


class Follow:
    """Starts it, and waits until it follows."""

    def __init__(self, central: Central, folder: Path) -> None:
        self._central, self._folder = central, folder
        self.started: list[Followed] = []

    def __call__(self, *options: str, url: str | None = None) -> Followed:
        found = self.start(*options, url=url)
        started = len(self.started)
        wait_until(lambda: self._looks() >= started or found.process.poll() is not None)
        return found

    def start(self, *options: str, url: str | None = None) -> Followed:
        """Without waiting."""
        folder = self._folder / f"follow{len(self.started)}"
        folder.mkdir()
        command = [EXECDB, "query", "--follow", *options, "--db", url or self._central.reader]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            process = Process(command, stdout=out, stderr=err, env=environment)
        self.started.append(found := Followed(process, folder))
        return found

    def _looks(self) -> int:
        """How many have looked for the first time."""
        running = [each for each in self.started if each.process.poll() is None]
        there = int(self._central.value(_IDLE, self._central.name))
        return there + len(self.started) - len(running)


@pytest.fixture
def follow(central: Central, tmp_path: Path) -> Iterator[Follow]:
    yield (it := Follow(central, tmp_path))
    for each in it.started:
        each.process.kill()
        each.process.wait()


@pytest.fixture
def web1(central: Central, tmp_path: Path) -> Host:
    """With the events 1 to 5."""
    host = Host(tmp_path, "web1", central.url)
    host.ship(some_execs(5))
    return host


def ids(lines: list[str]) -> list[int]:
    """Of NDJSON."""
    return [json.loads(line)["id"] for line in lines]
