"""The stub makes the calls of a tape: here without a sandbox, and where it can be emulated."""

import os
import platform
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from execdb.livereplay.sandbox.tape_file import TapeFile
from execdb.livereplay.tape.stub import FD, LISTINGS, MARK, stub_for
from execdb.livereplay.tape.tape import ENTRY_BYTES, Tape

EMULATORS = {"x86_64": "qemu-x86_64", "aarch64": "qemu-aarch64"}
SIGCHLD = 17


def a_tape(machine: str, file: TapeFile) -> tuple[int, int]:
    """A parent that waits for a child; both write. Where it begins, and an entry that fails."""
    tape = Tape(machine, file.write)
    tape.call("exit_group", 99)  # what comes before the beginning is not for this process
    begin = tape.call("write", 1, tape.text(b"begins "), 7)
    child = tape.call("clone", SIGCHLD)
    fails = tape.call("chdir", tape.text(b"/no/such/folder"))
    tape.call("wait4", -1)
    tape.call("write", 1, tape.text(b"parent"), 6)
    tape.call("exit_group", 23)
    tape.continue_at(child, tape.here())
    tape.until(0)  # long ago
    tape.call("write", 1, tape.text(b"child "), 6)
    tape.call("exit_group", 7)
    tape.flush()
    return begin, fails


@pytest.mark.parametrize("machine", LISTINGS)
def test_it_runs_a_tape(machine: str, tmp_path: Path) -> None:
    emulator = shutil.which(EMULATORS[machine])
    if machine != platform.machine() and emulator is None:
        pytest.skip(f"needs {EMULATORS[machine]}")
    program = tmp_path / "stub"
    program.write_bytes(stub_for(machine))
    program.chmod(0o755)
    file = TapeFile()
    begin, fails = a_tape(machine, file)
    under = [] if machine == platform.machine() else [str(emulator)]
    os.dup2(file.descriptor, FD)
    done = subprocess.run(
        [*under, program, "one"],
        pass_fds=[FD],
        env={MARK.decode(): f"{begin:010d}"},
        capture_output=True,
        timeout=60,
    )
    os.close(FD)
    assert (done.stdout, done.returncode) == (b"begins child parent", 23)
    (answer,) = struct.unpack("<q", file.read(fails * ENTRY_BYTES, 8))
    assert os.strerror(-answer) == "No such file or directory"
    file.close()
