"""Workloads with a known truth: a storm of execs, numbered or equal, and a build of GNU hello.

A workload is held at its end until released: a tracer that wraps it can still be measured.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "kernel" / "programs"
STORMS = ("eb-a", "eb-b")  # two processes exec flat out, each a program of its own name
LONG = "eb-long"
LONG_EXECS = 23
LONG_ARGUMENT = " ".join(
    f"--long-option-number-{n:02d}=/usr/include/linux/x{n:02d}.h" for n in range(40)
)
_PATIENCE_S = 900

_STORM = f"""
"$1/storm" "$1/{STORMS[0]}" "$2" $3 & "$1/storm" "$1/{STORMS[1]}" "$2" $3 & wait
echo done; read _; i=0
while [ $i -lt {LONG_EXECS} ]; do "$1/{LONG}" $i {LONG_ARGUMENT}; i=$((i+1)); done
"""
_BUILD = """
cd "$1" && { "$2/configure" && make; } >log 2>&1 || { tail -n 5 log >&2; exit 1; }
times; echo done; read _
"""


class Programs:
    """The compiled programs, in a folder of their own until closed."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="execdb-bench-"))
        self.folder.chmod(0o755)
        self._compile("storm", "-O2", "-Wno-format-extra-args")
        self._compile("nothing", "-O2", "-static", "-nostdlib")
        for name in (*STORMS, LONG):
            shutil.copy(self.folder / "nothing", self.folder / name)

    def _compile(self, name: str, *options: str) -> None:
        source = SOURCES / f"{name}.c"
        subprocess.run(["gcc", *options, "-o", self.folder / name, source], check=True)

    def close(self) -> None:
        shutil.rmtree(self.folder)

    def storm(self, count: int, *, same: bool = False) -> list[str]:
        """Two processes, `count` execs each; before `done` there is a line of each: its time and
        its CPU time in ns.

        Each command line is a new one, by its number, or all are the `same`.
        """
        words = [str(self.folder), str(count), *(["same"] if same else [])]
        return ["sh", "-c", _STORM, "sh", *words]

    def judge(self, lines: Iterable[str], count: int, *, same: bool = False) -> "Captured":
        """Compares recorded command lines (words joined by spaces) with what the storm ran: each
        counts as often as it ran, by its path, or by its name where the recorder has no more.
        Raises RuntimeError where there are more than ran."""
        words = ["same"] * count if same else list(map(str, range(count)))
        ran = Counter(f"{self.folder}/{name} {word}" for name in STORMS for word in words)
        long = Counter(f"{self.folder}/{LONG} {n} {LONG_ARGUMENT}" for n in range(LONG_EXECS))
        found = Counter(lines)
        programs = {*STORMS, *(f"{self.folder}/{name}" for name in STORMS)}
        seen = sum(times for line, times in found.items() if line.partition(" ")[0] in programs)
        if seen > ran.total():
            raise RuntimeError(f"it has {seen} execs of the storm, of which {ran.total()} ran")
        return Captured(seen, (found & ran).total(), (found & long).total() / LONG_EXECS)


class Captured:
    """How many storm execs a recorder has, how many of them with whole arguments, and which
    fraction of the execs with forty arguments whole."""

    def __init__(self, seen: int, whole: int, long: float) -> None:
        self.seen, self.whole, self.long = seen, whole, long


class Load:
    """A running workload in a session of its own."""

    def __init__(self, command: Sequence[str]) -> None:
        self._started_s = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finish(self) -> tuple[list[str], float]:
        """What it printed, and how long it took in s. It is held then."""
        watchdog = threading.Timer(_PATIENCE_S, self.kill)
        watchdog.start()
        try:
            assert self.process.stdout
            lines: list[str] = []
            for line in self.process.stdout:
                if line == "done\n":
                    return lines, time.monotonic() - self._started_s
                lines.append(line.strip())
        finally:
            watchdog.cancel()
        raise RuntimeError(f"the workload failed (exit {self.process.wait()})")

    def release(self) -> None:
        self.process.communicate("go\n", timeout=_PATIENCE_S)

    def kill(self) -> None:
        """Ends the session, by the id of its leader, which is ours until it is waited for."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@contextlib.contextmanager
def running(command: Sequence[str]) -> Iterator[Load]:
    load = Load(command)
    try:
        yield load
    finally:
        load.kill()


@contextlib.contextmanager
def build(source: Path) -> Iterator[list[str]]:
    """The command that builds GNU hello, in a fresh folder."""
    with tempfile.TemporaryDirectory(prefix="execdb-build-") as folder:
        yield ["sh", "-c", _BUILD, "sh", folder, str(source)]
