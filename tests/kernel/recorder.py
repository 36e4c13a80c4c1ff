"""A real collector as a child process, and what it has recorded."""

import contextlib
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from execdb.cli import main
from tests.processes.process import PATIENCE_S, Process

EXECDB = Path(sys.executable).with_name("execdb")


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """The condition's first true value. Fails after PATIENCE_S."""
    deadline, pause_s = time.monotonic() + PATIENCE_S, 0.01
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:.0f} s for {what}"
        time.sleep(pause_s)
        pause_s = min(1.2 * pause_s, 0.1)  # the longer it takes, the less does looking take from it
    return value


def forks() -> int:
    """How many processes and threads were made since the boot (proc(5))."""
    lines = Path("/proc/stat").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("processes "))


class Recorder:
    """A running `execdb collect` on a database of its own, if need be `under` another program."""

    def __init__(
        self,
        db: Path,
        *options: str,
        log: Path | None = None,
        under: Sequence[str | Path] = (),
        **popen: Any,
    ) -> None:
        self.db = db
        self._log = log or db.with_suffix(".log")
        self.forks_before = forks()
        with self._log.open("w") as file:
            self.process = Process(
                [*under, EXECDB, "--db", db, "collect", *options],
                stdout=popen.pop("stdout", subprocess.DEVNULL),
                stderr=file,
                **popen,
            )
        wait_for(self._started, "recording to start")

    def _started(self) -> bool:
        assert self.process.poll() is None, self.log
        return "recording to" in self.log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def run(self, *arguments: str, check: bool = True) -> str:
        """An execdb command on the same database; its stdout. Within this process: a new one
        spends most of its time on importing."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main.run(["--db", str(self.db), *arguments])
        assert not check or code == 0, err.getvalue()
        return out.getvalue()

    def events(self, *options: str) -> list[dict[str, Any]]:
        lines = self.run("query", "--format", "ndjson", *options).splitlines()
        return [json.loads(line) for line in lines]

    def ours(self, comm: str, *arguments: str) -> list[dict[str, Any]]:
        """Events with that name, and these arguments if any are given, among what this test
        started, directly or indirectly: other programs run on this machine as well."""
        known, found = set(), []
        for event in self.events():
            if event["ppid"] == os.getpid() or event["parent_id"] in known:
                known.add(event["id"])
                if event["comm"] == comm and (not arguments or event["argv"][1:] == [*arguments]):
                    found.append(event)
        return found

    def ended(self, mark: str) -> dict[str, Any]:
        """The image whose last argument is this, once its end is in the database. Of a chain of
        execs the last one."""

        def found() -> dict[str, Any] | None:
            events = [event for event in self.events("--arg", mark) if event["argv"][-1] == mark]
            return next((event for event in events if event["ended"] not in (None, "exec")), None)

        event: dict[str, Any] = wait_for(found, f"the end of {mark}")
        return event

    def seen(self) -> list[dict[str, Any]]:
        """The programs that ran before the start."""
        with closing(sqlite3.connect(self.db)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute("SELECT * FROM seen")]

    def coverage(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.run("coverage", "--format", "json"))
        return found

    def stop(self, number: int = signal.SIGTERM) -> str:
        """Ends it and returns the summary line."""
        self.process.send_signal(number)
        assert self.process.wait(PATIENCE_S) == 0, self.log
        return self.log.splitlines()[-1]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class SharedRecorder(Recorder):
    """A recorder that other tests use as well: from here to its own `stop`."""

    def __init__(self, whole: Recorder) -> None:
        self.db, self._log, self.process = whole.db, whole._log, whole.process
        self.forks_before = whole.forks_before
        self._since = datetime.now(UTC).isoformat()

    def events(self, *options: str) -> list[dict[str, Any]]:
        return super().events("--since", self._since, *options)

    def stop(self, number: int = signal.SIGTERM) -> str:
        """What has happened until now is in the database. There is no summary."""
        last = Process(["sleep", "0"])
        last.wait(PATIENCE_S)
        wait_for(lambda: self.events("--pid", str(last.pid)), "the recorder to record this far")
        return ""


def waited_for_cpu_s(pid: int) -> float:
    """How long the main thread of a process, also of one that has ended and was not yet waited for,
    could have run and got no CPU (/proc/PID/schedstat)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
