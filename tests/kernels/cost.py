"""What the programs in the kernel cost system calls that have nothing to do with them.

.venv/bin/python -m tests.kernels.cost                 on this kernel
make test-kernels INSIDE=tests.kernels.cost            on each kernel of the matrix
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from unittest import mock

from execdb.bpf import program
from execdb.collector.kernel_source import KernelSource

SOURCE = Path(__file__).parents[1] / "kernel/programs/getppid.c"
PROCESSES = 5  # a single one may have an unlucky place in memory all its life


def getppid_ns(programs: Path) -> float:
    """The least that one getppid took in some seconds, in ns."""
    command = [programs / "getppid"]
    return min(float(subprocess.check_output(command)) for _ in range(PROCESSES))


@contextmanager
def attached(*, attempts: bool, kprobes: bool) -> Iterator[None]:
    """The programs of `collect`, or `collect --attempts`."""
    with mock.patch.object(program, "have_kprobes", return_value=kprobes):
        source = KernelSource(128, attempts=attempts)
    with closing(source):
        source.attach()
        yield


def main() -> None:
    cases = {
        "with no recorder": None,
        "with collect": attached(attempts=False, kprobes=False),
        "with collect --attempts by tracepoints": attached(attempts=True, kprobes=False),
    }
    if program.have_kprobes():
        cases["with collect --attempts by kprobes"] = attached(attempts=True, kprobes=True)
    with tempfile.TemporaryDirectory() as folder:
        command = ["gcc", "-O2", "-o", f"{folder}/getppid", SOURCE]
        subprocess.run(command, check=True)
        for name, recorder in cases.items():
            with ExitStack() as stack:
                if recorder is not None:
                    stack.enter_context(recorder)
                print(f"{os.uname().release}: {getppid_ns(Path(folder)):.0f} ns {name}", flush=True)


if __name__ == "__main__":
    main()
