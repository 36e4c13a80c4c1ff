"""What recording costs system calls that have nothing to do with it, on this kernel.

.venv/bin/python -m tests.kernels.cost                 here
make test-kernels INSIDE=tests.kernels.cost            in each kernel of the matrix
"""

import os
import subprocess
import tempfile
from pathlib import Path

from tests.kernel.conftest import PROGRAMS, Recorder

ROUNDS = 5  # processes; a single one may have a slow place in memory all its life
RECORDERS: dict[str, tuple[str, ...] | None] = {
    "no recorder": None,
    "collect": (),
    "collect --attempts": ("--attempts",),
}


def getppid_ns(programs: Path) -> float:
    """The least that one getppid took in some seconds, in ns."""
    command = [programs / "getppid"]
    return min(float(subprocess.check_output(command)) for _ in range(ROUNDS))


def main() -> None:
    os.environ.setdefault("EXECDB_TEST_PATIENCE_S", "300")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = PROGRAMS / "getppid.c"
        subprocess.run(["gcc", "-O2", "-o", folder / "getppid", source], check=True)
        for recorder, options in RECORDERS.items():
            print(f"{os.uname().release}: getppid with {recorder}: {_measure(folder, options)}")


def _measure(folder: Path, options: tuple[str, ...] | None) -> str:
    if options is None:
        return f"{getppid_ns(folder):.0f} ns"
    recorder = Recorder(folder / "execdb.db", *options)
    try:
        kprobes = "kprobes" in recorder.log
        through = ", by kprobes" if kprobes else ", by tracepoints" if options else ""
        return f"{getppid_ns(folder):.0f} ns{through}"
    finally:
        recorder.stop()


if __name__ == "__main__":
    main()
