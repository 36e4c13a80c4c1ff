"""A real collector as a child process, and the small programs it is to see."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

EXECDB = Path(sys.executable).with_name("execdb")
PROGRAMS = Path(__file__).with_name("programs")
PATIENCE_S = 30  # machines are slow and shared; nothing here waits this long when it works


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without root these tests prove nothing: skipped for a developer, a failure in CI."""
    if os.geteuid() == 0 or os.environ.get("CI"):
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="needs root: sudo make test"))


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """The condition's first true value. Fails after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE_S} s for {what}"
        time.sleep(0.01)
    return value


class Recorder:
    """A running `execdb collect` on a database of its own."""

    def __init__(self, db: Path, *options: str, **popen: Any) -> None:
        self.db = db
        self._log = db.with_suffix(".log")
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [EXECDB, "--db", db, "collect", *options],
                stdout=popen.pop("stdout", subprocess.DEVNULL),
                stderr=log,
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
        """An execdb command on the same database; its stdout."""
        done = subprocess.run(
            [EXECDB, "--db", self.db, *arguments], capture_output=True, text=True, timeout=60
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def events(self, *options: str) -> list[dict[str, Any]]:
        lines = self.run("query", "--format", "ndjson", *options).splitlines()
        return [json.loads(line) for line in lines]

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


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Callable[..., Recorder]]:
    """Starts a recorder; whatever the test leaves running is ended."""
    started: list[Recorder] = []

    def start(*options: str, db: Path = tmp_path / "execdb.db", **popen: Any) -> Recorder:
        recorder = Recorder(db, *options, **popen)
        started.append(recorder)
        return recorder

    yield start
    for recorder in started:
        with contextlib.suppress(ProcessLookupError):
            recorder.kill()


@pytest.fixture(scope="module")
def module_recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    """One recorder for all cases of a module; the test data is made while it runs."""
    recorder = Recorder(tmp_path_factory.mktemp("recorder") / "execdb.db")
    yield recorder
    recorder.kill()


@pytest.fixture
def recorder(record: Callable[..., Recorder]) -> Recorder:
    return record()


@pytest.fixture(scope="session")
def programs() -> Iterator[Path]:
    """The folder of the compiled ground-truth programs, which every user may run."""
    folder = Path(tempfile.mkdtemp(prefix="execdb-programs-"))
    folder.chmod(0o755)
    _compile("storm", folder, "-O2", "-Wno-format-extra-args")
    _compile("nothing", folder, "-O2", "-static", "-nostdlib")
    for name in ("tell", "starts", "threads", "ends", "attempts"):
        _compile(name, folder, "-O1", "-pthread")
    yield folder
    shutil.rmtree(folder)


def _compile(name: str, folder: Path, *options: str) -> None:
    subprocess.run(
        ["gcc", "-Wall", *options, "-o", folder / name, PROGRAMS / f"{name}.c"], check=True
    )


def storm(programs: Path, *counts: int) -> list[subprocess.Popen[str]]:
    """One process a count, each starting that many programs as fast as it can."""
    return [
        subprocess.Popen(
            [programs / "storm", programs / "nothing", str(count)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for count in counts
    ]


def finish(storms: list[subprocess.Popen[str]]) -> None:
    for process in storms:
        process.communicate(timeout=120)
        assert process.returncode == 0


def attached() -> list[str]:
    """The BPF programs of ours that the kernel holds, by bpftool, which knows nothing of us."""
    text = subprocess.run(
        ["bpftool", "-j", "prog", "show"], capture_output=True, text=True, check=True, env=SBIN
    ).stdout
    return [p["name"] for p in json.loads(text or "[]") if p.get("name", "").startswith("on_")]


SBIN = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
