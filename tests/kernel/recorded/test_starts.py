"""Every way to start a program gives exactly one right row."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.kernel.recorder import PATIENCE_S, Recorder
from tests.processes.process import Process

CASES = [
    *("execve", "fork", "execveat", "directory", "fexecve", "memfd", "spawn", "vfork", "clone"),
    *("thread", "two", "argc0", "check", "cold", "pidns", "userns", "orphan"),
]


class Truth(NamedTuple):
    """What a case's programs printed of themselves."""

    pid: int
    ppid: int
    uid: int
    euid: int
    gid: int
    argc: int
    argv: list[bytes]
    outer_pid: int  # in the initial PID namespace
    starter: int  # the pid of the program that was told to start it


def _truth(output: str, starter: int) -> Truth:
    lines = output.splitlines()
    outer = next((int(line.split()[1]) for line in lines if line.startswith("child")), None)
    told = next(line for line in lines if line[0].isdigit())
    *numbers, argv = told.split(" ", 6)
    pid, ppid, uid, euid, gid, argc = map(int, numbers)
    arguments = [bytes.fromhex(word[1:]) for word in argv.split(" ")]
    return Truth(pid, ppid, uid, euid, gid, argc, arguments, outer or pid, starter)


@pytest.fixture(scope="module")
def whole(shared: Callable[..., Recorder]) -> Recorder:
    """The module's recorder, from the first case on."""
    return shared()


@pytest.fixture(scope="module")
def truths(programs: Path, whole: Recorder) -> dict[str, Truth]:
    """All cases, run under one recorder."""
    found = {}
    for case in CASES:
        process = Process(
            [programs / "starts", case, programs / "tell"], stdout=subprocess.PIPE, text=True
        )
        output, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, case
        found[case] = _truth(output, process.pid)
    whole.stop()
    return found


@pytest.fixture(scope="module")
def events(truths: dict[str, Truth], whole: Recorder) -> list[dict[str, Any]]:
    return whole.events()


@pytest.mark.parametrize("case", CASES)
def test_one_right_row(case: str, truths: dict[str, Truth], events: list[dict[str, Any]]) -> None:
    truth = truths[case]
    last = [e for e in events if e["pid"] == truth.outer_pid and e["argv"][0] in ("given", "")]
    assert len(last) == 1
    (event,) = last
    assert [os.fsencode(argument) for argument in event["argv"]] == truth.argv
    assert (event["argc"], event["truncated"]) == (truth.argc, False)
    if case == "userns":  # mapped: 0 inside is 501 outside
        assert (truth.uid, event["uid"], event["euid"]) == (0, 501, 501)
    else:
        assert (event["uid"], event["euid"], event["gid"]) == (truth.uid, truth.euid, truth.gid)
    if case == "pidns":
        assert (truth.pid, truth.ppid, event["ppid"]) == (1, 0, truth.starter)
    else:
        assert (event["pid"], event["ppid"]) == (truth.pid, truth.ppid)


def test_names_the_file_as_it_was_given(
    programs: Path, truths: dict[str, Truth], events: list[dict[str, Any]]
) -> None:
    names = {
        case: next(e for e in events if e["pid"] == truth.outer_pid and "given" in e["argv"])
        for case, truth in truths.items()
        if case != "argc0"
    }
    assert names["execve"]["filename"] == str(programs / "tell")
    assert names["execveat"]["filename"] == str(programs / "tell")
    assert names["directory"]["filename"].startswith("/dev/fd/")
    assert names["directory"]["filename"].endswith("/tell")
    assert names["fexecve"]["filename"].startswith("/dev/fd/")
    assert names["memfd"]["filename"].startswith("/dev/fd/")


def test_two_execs_in_one_process_are_two_rows(
    truths: dict[str, Truth], events: list[dict[str, Any]]
) -> None:
    rows = [e for e in events if e["pid"] == truths["two"].pid]
    assert [e["argv"][0] for e in rows] == ["/proc/self/exe", "given"]
    assert [e["ended"] for e in rows] == ["exec", "exit"]
    assert rows[0]["duration_ns"] == rows[1]["boot_ns"] - rows[0]["boot_ns"]
    assert rows[1]["parent_id"] == rows[0]["id"]


def _pid_of(*command: str | bytes | Path, **options: Any) -> int:
    process = Process(command, stdout=subprocess.DEVNULL, **options)
    process.wait(PATIENCE_S)
    return process.pid


def test_scripts(recorder: Recorder, tmp_path: Path) -> None:
    for name, first in (("plain", "#!/bin/sh"), ("argument", "#!/bin/sh -e"), ("none", ":")):
        (tmp_path / name).write_text(f"{first}\nexit 0\n")
    (tmp_path / "nested").write_text(f"#!{tmp_path}/interpreter\n")
    shutil.copy("/bin/sh", tmp_path / "interpreter-of-interpreter")
    (tmp_path / "interpreter").write_text(f"#!{tmp_path}/interpreter-of-interpreter\nexit 0\n")
    for path in tmp_path.iterdir():
        if path.is_file() and path.suffix == "":
            path.chmod(0o755)
    plain = _pid_of(tmp_path / "plain", "one")
    argument = _pid_of(tmp_path / "argument", "one")
    nested = _pid_of(tmp_path / "nested", "one")
    none = _pid_of("sh", "-c", f"exec {tmp_path}/none one")
    recorder.stop()

    def row(pid: int) -> dict[str, Any]:
        return recorder.events("--pid", str(pid))[-1]

    assert row(plain)["filename"] == str(tmp_path / "plain")
    assert row(plain)["argv"] == ["/bin/sh", f"{tmp_path}/plain", "one"]
    assert row(plain)["argc"] == 3
    assert row(argument)["argv"] == ["/bin/sh", "-e", f"{tmp_path}/argument", "one"]
    assert row(nested)["filename"] == str(tmp_path / "nested")
    assert row(nested)["argv"] == [
        f"{tmp_path}/interpreter-of-interpreter",
        f"{tmp_path}/interpreter",
        f"{tmp_path}/nested",
        "one",
    ]
    # Without #! the kernel runs nothing; a shell then reads the file by itself.
    assert f"{tmp_path}/none" not in [e["filename"] for e in recorder.events("--pid", str(none))]


def test_32_bit_programs(recorder: Recorder, programs: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    shutil.copy(programs / "nothing32", small)
    process = subprocess.run([small, "an argument"], check=False)
    recorder.stop()
    assert process.returncode == 7
    (event,) = recorder.events("--path", str(small))
    assert event["argv"] == [str(small), "an argument"]
    assert event["exit_code"] == 7


def test_a_total_near_the_limit_is_cut_and_counted(recorder: Recorder, programs: Path) -> None:
    arguments = [b"%0100000d" % n for n in range(19)]  # 1.9 MB; ARG_MAX is 2 MiB
    pid = _pid_of(programs / "nothing", *arguments)
    recorder.stop()
    (event,) = recorder.events("--pid", str(pid), "--comm", "nothing")
    assert (event["argc"], event["truncated"]) == (20, True)


@pytest.mark.parametrize(
    "name", [b"fifteen-letters", b"sixteen-letters-", b"not-\xff\xfe-utf8", b"new\nline"]
)
def test_comm_is_what_the_kernel_makes_of_the_name(
    name: bytes, recorder: Recorder, programs: Path, tmp_path: Path
) -> None:
    target = bytes(tmp_path) + b"/" + name
    shutil.copy(programs / "nothing", target)
    pid = _pid_of(target)
    recorder.stop()
    event = recorder.events("--pid", str(pid))[-1]
    assert os.fsencode(event["comm"]) == name[:15]
    assert os.fsencode(event["filename"]) == target


def test_set_uid_and_changes_of_user(recorder: Recorder, programs: Path) -> None:
    owned = programs / "set-uid"
    shutil.copy(programs / "tell", owned)
    os.chown(owned, 1, 1)
    owned.chmod(0o4755)
    subprocess.run(["setpriv", "--reuid", "501", "--clear-groups", owned], check=True)
    subprocess.run(
        ["su", "-s", "/bin/sh", "-c", f"exec {programs}/tell", "daemon"], check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    recorder.stop()
    (event,) = recorder.events("--path", str(owned))
    assert (event["uid"], event["euid"]) == (501, 1)
    (event,) = recorder.events("--path", str(programs / "tell"))
    assert (event["uid"], event["euid"], event["gid"]) == (1, 1, 1)


@pytest.mark.thorough
@pytest.mark.alone
def test_exec_from_a_thread_2003_times(record: Callable[..., Recorder], programs: Path) -> None:
    recorder = record()
    process = Process([programs / "threads", programs / "nothing", "2003"])
    assert process.wait(5 * PATIENCE_S) == 0
    summary = recorder.stop()
    assert ", 0 lost, " in summary
    events = recorder.events("--ppid", str(process.pid))
    assert [int(e["argv"][1]) for e in events] == list(range(2_003))
    assert {e["exit_code"] for e in events} == {0}
    (threads,) = recorder.events("--pid", str(process.pid), "--comm", "threads")
    assert {e["parent_id"] for e in events} == {threads["id"]}
