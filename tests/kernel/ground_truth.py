"""The small programs that a recorder is to see: compiled, and started by the thousands.

`python -m tests.kernel.ground_truth FOLDER` compiles them.
"""

import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.kernel.recorder import PATIENCE_S, Recorder
from tests.processes.process import Process

PROGRAMS = Path(__file__).with_name("programs")
_WITH_LIBC = (
    "tell", "starts", "threads", "ends", "attempts", "sleepers", "calls", "flood", "folders",
    "unlinked",
)  # fmt: skip


def compile_programs(folder: Path) -> None:
    static = ("-static", "-nostdlib")
    _compile("storm", folder, "-O2", "-Wno-format-extra-args")
    _compile("nothing", folder, "-O2", *static)
    _compile("getppid", folder, "-O2")
    for name in _WITH_LIBC:
        _compile(name, folder, "-O1", "-pthread")
    if platform.machine() == "x86_64":
        for name in ("nothing32", "attempts32"):
            _compile(name, folder, "-O1", "-m32", *static)


def _compile(name: str, folder: Path, *options: str) -> None:
    subprocess.run(
        ["gcc", "-Wall", *options, "-o", folder / name, PROGRAMS / f"{name}.c"], check=True
    )
    (folder / name).chmod(0o755)  # whatever the umask: other users run them too


def storm(programs: Path, *counts: int, argument_bytes: int = 0) -> list[Process[str]]:
    """One process a count, each starting that many programs as fast as it can. Their argument is
    their number, at least so long."""
    return [
        Process(
            [programs / "storm", programs / "nothing", str(count), str(argument_bytes)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for count in counts
    ]


def storm_events(recorder: Recorder, programs: Path) -> list[dict[str, Any]]:
    """What a recorder has of these storms. Those of other runs have a folder of their own."""
    return recorder.events("--path", str(programs / "nothing"))


def finish(storms: list[Process[str]]) -> None:
    for process in storms:
        process.communicate(timeout=2 * PATIENCE_S)
        assert process.returncode == 0


if __name__ == "__main__":
    compile_programs(Path(sys.argv[1]))
