"""The tape and the stub: what is written, and that the bytes are the listing."""

import platform
import re
import shutil
import struct
import subprocess
from array import array
from pathlib import Path

import pytest

from execdb.livereplay.tape import stub, tape
from execdb.livereplay.tape.stub import BASE, LISTINGS, code_of, stub_for
from execdb.livereplay.tape.tape import DATA, Tape, TooLong, started
from tests.livereplay.histories import Memory, calls_of, prepared, some


@pytest.mark.parametrize("machine", LISTINGS)
def test_the_bytes_of_the_stub_are_its_listing(machine: str, tmp_path: Path) -> None:
    assembler = "as" if machine == platform.machine() else f"{machine}-linux-gnu-as"
    if shutil.which(assembler) is None:
        pytest.skip(f"needs {assembler}")
    source, made, raw = (tmp_path / name for name in ("stub.s", "stub.o", "stub"))
    source.write_text(LISTINGS[machine])
    subprocess.run([assembler, "-o", made, source], check=True)
    objcopy = assembler.removesuffix("as") + "objcopy"
    subprocess.run([objcopy, "-O", "binary", "-j", ".text", made, raw], check=True)
    assert raw.read_bytes() == code_of(machine)


def test_the_stub_is_small() -> None:
    assert {machine: len(stub_for(machine)) for machine in LISTINGS} == {
        "x86_64": 312, "aarch64": 308,
    }  # fmt: skip


def test_an_exec_has_all_that_it_needs_side_by_side() -> None:
    memory = Memory()
    made = Tape("x86_64", memory.write)
    block = made.block(b"/bin/one", [b"one", b"", b"\xff"])
    made.until(1_500_000_000, block.moment)
    made.set_environment(block, 42)
    made.flush()
    data = memory.parts[DATA]

    def text(address: int) -> bytes:
        at = address - BASE - DATA
        return bytes(data[at : data.index(b"\0", at)])

    def words(address: int, count: int) -> tuple[int, ...]:
        return struct.unpack_from(f"<{count}Q", data, address - BASE - DATA)

    assert text(block.path) == b"/bin/one"
    *arguments, end = words(block.arguments, 4)
    assert [text(address) for address in arguments] == [b"one", b"", b"\xff"]
    assert end == 0
    variable, end = words(block.environment, 2)
    assert (text(variable), end) == (b"EXECDB_REPLAY=0000000042", 0)
    assert words(block.moment, 2) == (1, 500_000_000)


def test_what_is_written_is_patched_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape, "_BUFFER", 200)
    memory = Memory()
    made = Tape("x86_64", memory.write)
    first = made.call("clone", 17)
    for _ in range(23):
        made.call("exit_group", 0)
    made.continue_at(first, 7)
    made.set_argument(first, 3, 99)
    made.flush()
    call = calls_of(memory, "x86_64")[0]
    assert (call.name, call.arguments[2], call.to) == ("clone", 99, 7)


def test_all_moments_are_moved_to_the_start() -> None:
    memory = Memory()
    made = Tape("x86_64", memory.write)
    for number in range(23):
        made.put(b"x" * 60_000)
        made.until(number * 700_000_000)
    made.flush()

    def read(at: int, size: int) -> bytes:
        return bytes(memory.parts[DATA][at - DATA : at - DATA + size])

    started(made.times, 5_000_000_007, read, memory.write)
    assert [struct.unpack_from("<qq", memory.parts[DATA], where) for where in made.times] == [
        divmod(number * 700_000_000 + 5_000_000_007, 10**9) for number in range(23)
    ]
    assert isinstance(made.times, array)


def test_a_tape_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape, "BYTES_MAX", 6_400)
    made = Tape("x86_64", lambda at, raw: None)
    for _ in range(100):
        made.call("exit_group", 0)
    with pytest.raises(TooLong):
        made.call("exit_group", 0)


def test_nothing_but_the_calls_of_tapes_is_ever_written() -> None:
    rows = [
        some(1, "sh", duration_ns=9_000_000, uid=33, euid=0, cwd="/srv"),
        some(2, "x", parent=1, ppid=1001, filename="/dev/fd/7", comm="memfd:x"),
        some(3, "y", parent=1, ppid=1, ended="signal", signal=11, exit_code=None),
        some(4, "none", parent=1, pid=1004, errno="ENOENT", ended=None),
    ]
    _, calls, _ = prepared(rows)
    assert {call.name for call in calls} <= {
        *("clock_gettime", "clock_nanosleep", "clone", "chdir", "setresuid", "setresgid", "execve"),
        *("execveat", "exit_group", "kill", "futex", "madvise", "memfd_create", "write", "dup3"),
        *("openat", "prctl", "wait4"),
    }
    kills = [call for call in calls if call.name == "kill"]
    assert [call.arguments[:2] for call in kills] == [(0x7FFFFFFF, 11)]  # a pid, once it is known


def test_the_listings_and_the_mark_agree() -> None:
    assert re.search(rf"\b{stub.FD}\b", LISTINGS["x86_64"])
    assert stub.MARK.decode() in LISTINGS["x86_64"]
