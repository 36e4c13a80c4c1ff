"""The recorders compared: each a small class that starts, stops and tells what it has."""

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from tests.bench.measure import proc
from tests.bench.peers.packages import SBIN, Unavailable, output, version
from tests.bench.workloads.load import LONG, STORMS

EXECDB = Path(sys.executable).with_name("execdb")


class Recorder:
    """One recorder on a folder of its own; a context that leaves nothing running.

    A subclass says which `command` runs, when it is `ready`, and which command lines it has
    (`lines`, words joined by spaces). `share` is the part of the storm a slow one gets.
    """

    name = ""
    program = ""  # what has to be there, and the package it comes from
    package = ""
    share = 1.0
    files = "output*"  # what it leaves on disk
    stop_signal = signal.SIGINT

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "output"
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.peak_kb = 0  # while starting, with helpers that have ended since
        self.start_s = 0.0

    @classmethod
    def version(cls) -> str:
        """Of its package, or nothing."""
        return version(cls.package) if cls.package else ""

    def command(self) -> Sequence[str | Path]:
        raise NotImplementedError

    def ready(self) -> bool:
        return True

    def lines(self) -> Iterator[str]:
        raise NotImplementedError

    def wrap(self, command: Sequence[str]) -> Sequence[str]:
        """The workload's command; a tracer puts itself in front."""
        return command

    def pids(self, load: int) -> list[int]:
        """The recorder's processes; `load` is the workload's."""
        return proc.family(self.process.pid) if self.process else []

    def kernel_pids(self) -> list[int]:
        """Kernel threads that work for this recorder alone."""
        return []

    def start(self) -> None:
        """Returns when it records. Raises Unavailable."""
        started_s = time.monotonic()
        with self.output.open("wb") as out, self.log.open("wb") as log:
            self.process = subprocess.Popen(self.command(), stdout=out, stderr=log, env=SBIN)
        try:
            proc.wait_for(self._ready, f"{self.name} to start")
        except TimeoutError as error:
            raise Unavailable(f"{error}: {self._said()}") from error
        self.start_s = time.monotonic() - started_s

    def _ready(self) -> bool:
        self.check()
        assert self.process
        self.peak_kb = max(self.peak_kb, proc.peak_kb(proc.family(self.process.pid)))
        return self.ready()

    def check(self) -> None:
        """Raises Unavailable where it has ended by itself."""
        if self.process and (code := self.process.poll()) is not None:
            raise Unavailable(f"{self.name} ended with {code}: {self._said()}")

    def _said(self) -> str:
        text = self.log.read_text(errors="replace").strip() if self.log.exists() else ""
        return text.splitlines()[-1] if text else "it said nothing"

    def settle(self, load: int) -> None:
        """Returns when it has nothing left to do. Raises TimeoutError."""
        proc.settle([*self.pids(load), *self.kernel_pids()])

    def stop(self) -> None:
        """Ends it in order, so that it writes what it still holds."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def size(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in self.folder.glob(self.files))

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


class Execdb(Recorder):
    name = "execdb"
    files = "execdb.db*"
    options: tuple[str, ...] = ()

    @property
    def db(self) -> Path:
        return self.folder / "execdb.db"

    def command(self) -> Sequence[str | Path]:
        return [EXECDB, "--db", self.db, "collect", "--quiet", *self.options]

    def ready(self) -> bool:
        return "recording to" in self.log.read_text()

    def _select(self, query: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(self.db)) as database:
            return database.execute(query).fetchall()

    def lines(self) -> Iterator[str]:
        for (argv,) in self._select("SELECT argv FROM execs"):
            yield " ".join(json.loads(argv))

    def lost(self) -> int:
        """As the collector counted."""
        return int(self._select("SELECT max(lost) FROM runs")[0][0])

    def stored_like(self, comm: str) -> int:
        """Rows with a task name like this one (LIKE)."""
        return int(self._select(f"SELECT count(*) FROM execs WHERE comm LIKE '{comm}'")[0][0])


class Bpftrace(Recorder):
    name = "bpftrace execsnoop.bt"
    program, package = "bpftrace", "bpftrace"
    _SCRIPTS = ("/usr/sbin/execsnoop.bt", "/usr/share/bpftrace/tools/execsnoop.bt")
    _OWN_SCRIPT = Path(__file__).with_name("execs.bt")  # does the same
    # Tracepoints need tracefs: mounted for this process alone where it is not.
    _SHELL = """
    [ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing
    exec bpftrace "$1"
    """

    def command(self) -> Sequence[str | Path]:
        unshare = ["unshare", "--mount", "--propagation", "private"]
        return [*unshare, "sh", "-c", self._SHELL, "sh", self.script()]

    @classmethod
    def script(cls) -> Path:
        """bpftrace's own; ours where a distribution or an image leaves it out."""
        found = (path for path in map(Path, cls._SCRIPTS) if path.exists())
        return next(found, cls._OWN_SCRIPT)

    @classmethod
    def version(cls) -> str:
        own = ", a script of ours" if cls.script() == cls._OWN_SCRIPT else ""
        return super().version() + own

    def ready(self) -> bool:
        """It says so into a buffer: its open perf events and its idleness tell."""
        assert self.process
        for fd in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if "perf_event" in os.readlink(fd):
                    proc.settle([self.process.pid])
                    return True
        return False

    def lines(self) -> Iterator[str]:
        """Two prints make a line and CPUs mix them: what counts starts at the program's path."""
        command = re.compile(rf"/\S+/(?:{'|'.join(STORMS)}|{LONG})(?: .*)?$")
        for line in self.output.read_text(errors="replace").splitlines():
            if "/storm " not in line and (found := command.search(line)):
                yield found[0]


class Strace(Recorder):
    name = "strace -f -e execve"
    program, package = "strace", "strace"
    share = 0.05
    _EXECVE = re.compile(r'execve\("[^"]*", \[([^\]]*)\]')

    def start(self) -> None:
        """It starts with the workload."""

    def wrap(self, command: Sequence[str]) -> Sequence[str]:
        return ["strace", "-f", "-e", "trace=execve", "-o", str(self.output), *command]

    def pids(self, load: int) -> list[int]:
        return [load]

    def lines(self) -> Iterator[str]:
        for found in self._EXECVE.finditer(self.output.read_text(errors="replace")):
            yield " ".join(s.replace('"', "") for s in found[1].split(", "))


class Forkstat(Recorder):
    name = "forkstat -e exec"
    program, package = "forkstat", "forkstat"
    _EXEC = re.compile(r"^\S+ exec +\d+ +(.*?) *$", re.MULTILINE)

    def command(self) -> Sequence[str | Path]:
        return ["forkstat", "-e", "exec", "-l"]

    def ready(self) -> bool:
        output("true")  # any exec will do: it writes each line as it comes
        return "exec" in self.output.read_text()

    def lines(self) -> Iterator[str]:
        yield from self._EXEC.findall(self.output.read_text(errors="replace"))
