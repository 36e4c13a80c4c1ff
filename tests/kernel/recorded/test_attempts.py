"""`--attempts` records failed attempts and callers; without it, no system call gets slower."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kernel.bpf_state import programs_of
from tests.kernel.recorder import PATIENCE_S, Recorder
from tests.processes.process import Process


@pytest.fixture
def recorder(shared: Callable[..., Recorder]) -> Recorder:
    return shared("--attempts")


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "tries"
    folder.mkdir()
    (folder / "not-executable").touch()
    (folder / "no-format").write_text("nonsense\n")
    (folder / "no-format").chmod(0o755)
    return folder


def _attempts(recorder: Recorder, pid: int) -> list[tuple[str, str]]:
    return [(e["filename"], e["errno"]) for e in recorder.events("--failed", "--pid", str(pid))]


def test_each_failure_is_a_row_with_its_errno(
    recorder: Recorder, programs: Path, tmp_path: Path
) -> None:
    folder, runs = _folder(tmp_path), []
    for options in ([], ["thread"]):
        process = Process(
            [programs / "attempts", folder, *options], stdout=subprocess.PIPE, text=True
        )
        output, _ = process.communicate(timeout=PATIENCE_S)
        runs.append((process.pid, [tuple(line.split()) for line in output.splitlines()]))
    recorder.stop()
    for pid, truth in runs:
        assert [error for _, error in truth] == [
            "ENOENT", "EACCES", "ENOEXEC", "ENOTDIR", "E2BIG", "EFAULT", "ENOENT",
            "ENOENT", "ENOENT", "EACCES", "EBADF",
        ]  # fmt: skip
        assert _attempts(recorder, pid) == truth
        events = recorder.events("--failed", "--pid", str(pid))
        assert {os.fsencode(e["caller"]) for e in events} == {b"caller\xff"}
        assert events[0]["argv"] == ["plain", "an argument", ""]
        assert not events[0]["truncated"]
        assert [e["exit_code"] for e in events] == [None] * 11
        (success,) = recorder.events("--succeeded", "--pid", str(pid))
        assert success["errno"] is None
        assert {e["parent_id"] for e in events} == {success["id"]}


def test_a_search_along_the_path_shows_each_try(recorder: Recorder, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    search = f"{tmp_path}/none:{tmp_path}/a:/usr/bin"
    process = Process(["env", f"PATH={search}", "true"])
    process.wait(PATIENCE_S)
    recorder.stop()
    events = recorder.events("--pid", str(process.pid))[-3:]
    assert [(e["filename"], e["errno"], e["caller"]) for e in events] == [
        (f"{tmp_path}/none/true", "ENOENT", "env"),
        (f"{tmp_path}/a/true", "ENOENT", "env"),
        ("/usr/bin/true", None, "env"),
    ]


@pytest.mark.thorough
def test_the_book_line_names_the_caller(record: Callable[..., Recorder], programs: Path) -> None:
    recorder = record("--attempts")
    process = Process([programs / "starts", "thread", programs / "tell"])
    process.wait(PATIENCE_S)
    recorder.stop()
    lines = recorder.run(
        "query", "--format", "plain", "--path", str(programs / "tell")
    ).splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["0 starts Hello World"]


def test_a_mere_check_is_no_attempt(recorder: Recorder, programs: Path) -> None:
    process = Process(
        [programs / "starts", "check", programs / "tell"], stdout=subprocess.PIPE, text=True
    )
    output, _ = process.communicate(timeout=PATIENCE_S)
    recorder.stop()
    failed = recorder.events("--failed", "--path", str(programs / "tell"))
    # Kernels before 6.14 do not know the flag and refuse it, which is a failed attempt.
    assert [e["errno"] for e in failed] == (["EINVAL"] if "unknown" in output else [])
    assert len(recorder.events("--succeeded", "--path", str(programs / "tell"))) == 1


def test_attempts_are_counted_in_the_ledger(
    record: Callable[..., Recorder], programs: Path, tmp_path: Path
) -> None:
    recorder = record("--attempts")
    subprocess.run([programs / "attempts", _folder(tmp_path)], check=True, capture_output=True)
    recorder.stop()
    status = json.loads(recorder.run("status", "--format", "json"))
    assert status["seen"] == status["stored"] == len(recorder.events("--replays"))


def test_says_what_it_costs(recorder: Recorder) -> None:
    if Path("/sys/bus/event_source/devices/kprobe").exists():
        assert "with failed attempts through kprobes" in recorder.log
        loaded = {each["name"] for each in programs_of(recorder.process.pid)}
        assert loaded >= {"on_execve", "on_return", "on_compat_execve"}
    else:
        assert "through system-call tracepoints, which cost every system call" in recorder.log
    recorder.stop()


def test_without_the_option_nothing_is_attached_to_system_calls(
    record: Callable[..., Recorder],
) -> None:
    ours = programs_of(record().process.pid)
    assert {p["name"] for p in ours} == {"on_exec", "on_fork", "on_exit"}
    assert {p["type"] for p in ours} == {"raw_tracepoint"}
