"""A real collector as a child process, and the small programs it is to see."""

import contextlib
import io
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from execdb.cli import main

EXECDB = Path(sys.executable).with_name("execdb")
PROGRAMS = Path(__file__).with_name("programs")
# Machines are slow and shared, emulated ones most of all; nothing waits this long when it works.
PATIENCE_S = float(os.environ.get("EXECDB_TEST_PATIENCE_S", "60"))


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
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:.0f} s for {what}"
        time.sleep(0.01)
    return value


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
        with self._log.open("w") as file:
            self.process = subprocess.Popen(
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


class Stretch(Recorder):
    """A stretch of a recorder that other tests use, too: from here to its own `stop`."""

    def __init__(self, whole: Recorder) -> None:
        self.db, self._log, self.process = whole.db, whole._log, whole.process
        self._since = datetime.now(UTC).isoformat()

    def events(self, *options: str) -> list[dict[str, Any]]:
        return super().events("--since", self._since, *options)

    def stop(self, number: int = signal.SIGTERM) -> str:
        """What has happened until now is in the database. There is no summary."""
        last = subprocess.Popen(["sleep", "0"])
        last.wait(PATIENCE_S)
        wait_for(lambda: self.events("--pid", str(last.pid)), "the recorder to come to here")
        return ""


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Recorder] | None]:
    """Recorders that go on from test to test, one for each set of options, where starting one takes
    too long (in an emulated machine): EXECDB_TEST_SHARED=1 asks for it."""
    recorders: dict[tuple[str, ...], Recorder] = {}

    def stretch(*options: str) -> Recorder:
        if options not in recorders:
            db = tmp_path_factory.mktemp("shared") / "execdb.db"
            recorders[options] = Recorder(db, *options)
        return Stretch(recorders[options])

    yield stretch if os.environ.get("EXECDB_TEST_SHARED") else None
    for recorder in recorders.values():
        assert ", 0 lost, " in recorder.stop()


@pytest.fixture
def record(
    tmp_path: Path, shared: Callable[..., Recorder] | None
) -> Iterator[Callable[..., Recorder]]:
    """Starts a recorder; whatever the test leaves running is ended."""
    started: list[Recorder] = []

    def start(*options: str, db: Path | None = None, **popen: Any) -> Recorder:
        if shared and not db and not popen and options in ((), ("--attempts",)):
            return shared(*options)
        recorder = Recorder(db or tmp_path / "execdb.db", *options, **popen)
        started.append(recorder)
        return recorder

    yield start
    for recorder in started:
        with contextlib.suppress(ProcessLookupError):
            recorder.kill()


@pytest.fixture(scope="module")
def module_recorder(
    tmp_path_factory: pytest.TempPathFactory, shared: Callable[..., Recorder] | None
) -> Iterator[Recorder]:
    """One recorder for all cases of a module; the test data is made while it runs."""
    if shared:
        yield shared()
        return
    recorder = Recorder(tmp_path_factory.mktemp("recorder") / "execdb.db")
    yield recorder
    recorder.kill()


@pytest.fixture
def recorder(record: Callable[..., Recorder]) -> Recorder:
    return record()


@pytest.fixture(scope="session")
def programs() -> Iterator[Path]:
    """The folder of the compiled ground-truth programs, which every user may run. Those of
    EXECDB_TEST_PROGRAMS, if it is set, were compiled before, where that is quicker."""
    folder = Path(tempfile.mkdtemp(prefix="execdb-programs-"))
    folder.chmod(0o755)
    if ready := os.environ.get("EXECDB_TEST_PROGRAMS"):
        shutil.copytree(ready, folder, dirs_exist_ok=True)
    else:
        compile_programs(folder)
    yield folder
    shutil.rmtree(folder)


def compile_programs(folder: Path) -> None:
    static = ("-static", "-nostdlib")
    _compile("storm", folder, "-O2", "-Wno-format-extra-args")
    _compile("nothing", folder, "-O2", *static)
    _compile("getppid", folder, "-O2")
    for name in ("tell", "starts", "threads", "ends", "attempts", "flood"):
        _compile(name, folder, "-O1", "-pthread")
    if platform.machine() == "x86_64":
        for name in ("nothing32", "attempts32"):
            _compile(name, folder, "-O1", "-m32", *static)


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
        process.communicate(timeout=2 * PATIENCE_S)
        assert process.returncode == 0


def bpftool(*arguments: str) -> Any:
    """What bpftool answers, which knows nothing of us."""
    done = subprocess.run(
        ["bpftool", "-j", *arguments], capture_output=True, text=True, check=True, env=SBIN
    )
    return json.loads(done.stdout or "null")


def attached() -> list[str]:
    """The BPF programs of ours that the kernel holds."""
    programs = bpftool("prog", "show") or []
    return [p["name"] for p in programs if p.get("name", "").startswith("on_")]


class HeldMap(NamedTuple):
    id: str
    fd: int


def held_map(pid: int, name: str) -> HeldMap:
    """A map that the process holds, from its descriptors (proc_pid_fdinfo(5))."""
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        fields = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        number = fields.get("map_id", "").strip()
        if number and bpftool("map", "show", "id", number)["name"] == name:
            return HeldMap(number, int(info.name))
    raise AssertionError(f"process {pid} holds no map {name}")


SBIN = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}


if __name__ == "__main__":
    compile_programs(Path(sys.argv[1]))
