"""Failed attempts that are easy to overlook, or that a user tries to hide."""

import struct
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from execdb.bpf.loading import source as program_source
from execdb.bpf.program import have_kprobes
from execdb.collector.decoding.decoder import Decoder
from execdb.collector.kernel_source import KernelSource
from tests.kernel.recorder import PATIENCE_S, Recorder, wait_for
from tests.processes.process import Process

BEYOND = 1 << 62  # where no program can be mapped, with five levels of page tables neither


@pytest.fixture
def recorder(shared: Callable[..., Recorder]) -> Recorder:
    return shared("--attempts")


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A program that the kernel gives up on when the caller's memory is gone already: its second
    segment is out of reach."""
    own = Path("/proc/self/exe").read_bytes()
    segments = [(0x40_0000, 5), (BEYOND, 4)]
    head = own[:16] + struct.pack("<HHIQQQIHHHHHH", 2, *struct.unpack_from("<H", own, 18), 1,
                                  0x40_0000, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)  # fmt: skip
    for address, flags in segments:
        head += struct.pack("<IIQQQQQQ", 1, flags, 0, address, address, 176, 176, 4096)
    path = tmp_path / "bad"
    path.write_bytes(head)
    path.chmod(0o755)
    return path


@contextmanager
def attached(monkeypatch: pytest.MonkeyPatch, notes: int) -> Iterator[KernelSource]:
    """A source that can follow this many calls at a time (`notes`)."""
    monkeypatch.setattr(program_source, "ATTEMPTS_MAX", notes)
    source = KernelSource(ring_pages=2048, attempts=True)
    try:
        source.attach()
        yield source
    finally:
        source.close()


def failed(source: KernelSource) -> Counter[str]:
    """The number of failed attempts by filename since the last call."""
    found = Counter[str]()
    while True:  # what other programs of the machine did may take more than one read
        execs, _, unreadable = Decoder().decode(source.read(), 0)
        assert not unreadable
        found.update(event.command.filename for event in execs if event.errno)
        if source.unread_ns() is None:
            return found


def miss(name: str) -> None:
    subprocess.run(["bash", "-c", f"{name}; {name}"], check=False, stderr=subprocess.DEVNULL)


def test_calls_that_fail_late_leave_nothing_behind(
    programs: Path, bad: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with attached(monkeypatch, notes=509) as source:
        subprocess.run([programs / "calls", "behind", "1009", bad], check=True)
        miss("/nonexistent/after")
        source.detach()
        attempts, counts = failed(source), source.counts()
    assert attempts[str(bad)] == 1009
    assert attempts["/nonexistent/after"] == 2
    assert counts.skipped == counts.lost == 0


def test_a_call_that_fails_late_names_what_was_asked_for_and_who_asked(
    recorder: Recorder, programs: Path, bad: Path
) -> None:
    subprocess.run([programs / "calls", "behind", "23", bad], check=True)
    recorder.stop()
    events = recorder.events("--path", str(bad))
    assert [event["errno"] for event in events] == ["ENOMEM"] * 23
    assert {(event["comm"], event["caller"]) for event in events} == {("calls", "calls")}
    assert {(*event["argv"], event["truncated"]) for event in events} == {(True,)}


@pytest.mark.thorough
def test_who_keeps_calls_open_hides_nobody_elses(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with attached(monkeypatch, notes=509) as source:
        process = Process(
            [programs / "calls", "block", "1009", tmp_path / "leased"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout
        assert process.stdout.readline() == "blocked\n"
        for _ in range(23):
            miss("/nonexistent/during")
        told, counts = failed(source)["/nonexistent/during"], source.counts()
        process.communicate()
    if have_kprobes():  # they follow a few returns at a time
        assert told + counts.skipped >= 2 * 23
    else:
        assert told == 2 * 23


def test_a_call_that_the_program_is_not_run_for_is_counted(
    programs: Path, bad: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if there were more calls at a time than the kernel follows (maxactive of a kretprobe)."""
    monkeypatch.setattr(program_source, "ATTEMPTS_MAX", 509)
    source = KernelSource(ring_pages=128, attempts=True)
    source.hooks = tuple(hook for hook in source.hooks if hook.program != "on_return")
    try:
        source.attach()
        subprocess.run(["bash", "-c", "/nonexistent/one"], check=False, stderr=subprocess.DEVNULL)
        wait_for(lambda: source.counts().skipped >= 1, "the count")
        process = Process(
            [programs / "calls", "block", "23", bad.with_name("leased")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout
        assert process.stdout.readline() == "blocked\n"
        before = source.counts().skipped
        source.detach()
        assert source.counts().skipped >= before + 23  # that they return is not seen any more
        process.communicate()
    finally:
        source.close()


def test_what_a_filter_refuses_is_a_row_without_a_name(recorder: Recorder, programs: Path) -> None:
    """Kprobes do not see it."""
    process = Process([programs / "calls", "refuse", "23", "/bin/true"])
    process.wait(PATIENCE_S)
    recorder.stop()
    events = recorder.events("--failed", "--pid", str(process.pid))
    found = [(e["errno"], e["filename"], e["caller"], e["truncated"]) for e in events]
    assert found == [("EPERM", "", "calls", True)] * (0 if have_kprobes() else 23)


@pytest.mark.thorough
def test_a_call_that_the_kernel_gives_up_is_no_attempt(recorder: Recorder, programs: Path) -> None:
    subprocess.run([programs / "calls", "race", "101", programs / "nothing"], check=True)
    recorder.stop()
    errors = {event["errno"] for event in recorder.events("--failed", "--comm", "calls")}
    assert not {error for error in errors if error.isdigit()}
    assert len(recorder.events("--succeeded", "--path", str(programs / "nothing"))) == 101
