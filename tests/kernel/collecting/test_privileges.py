"""What a collector still is and may once it records, and what it still does."""

import os
import shutil
import sqlite3
import struct
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from execdb.bpf.syscall import bpf
from execdb.cli.input.users import own_user
from execdb.collector.own_process.privileges import CAP_BPF, drop
from tests.kernel.bpf_state import no_program_is_left
from tests.kernel.ground_truth import finish, storm
from tests.kernel.recorder import EXECDB, Recorder, wait_for
from tests.others import end_with, others_can_run_it
from tests.running.thorough import first

NOBODY = 65534
OWN = own_user().uid  # execdb on machines where there is such a user
GROUP = 7919  # numbers that need no name
MEMBER = 7907
CAP_PERFMON = 38
MAP_CREATE, MAP_TYPE_QUEUE = 0, 22  # linux/bpf.h


def status(pid: int) -> list[dict[str, str]]:
    """The fields of /proc/PID/status, of each of its threads."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    texts = [(thread / "status").read_text() for thread in threads]
    return [dict(line.split(":\t", 1) for line in text.splitlines()) for text in texts]


def assert_unprivileged(pid: int, uid: int) -> None:
    for thread in status(pid):
        capabilities = {key: int(value, 16) for key, value in thread.items() if key[:3] == "Cap"}
        assert set(capabilities.values()) == {0}, capabilities
        assert len(capabilities) == 5  # inheritable, permitted, effective, bounding, ambient
        assert thread["Uid"].split() == [str(uid)] * 4
        assert thread["Groups"].strip() == ""
        assert thread["NoNewPrivs"] == "1"


def assert_closed_to_others(pid: int) -> None:
    """Not dumpable (proc(5)): what /proc tells of it belongs to root, and its user may not look."""
    assert Path(f"/proc/{pid}/environ").stat().st_uid == 0
    uid = int(status(pid)[0]["Uid"].split()[0])
    as_user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    for command in (["ls", f"/proc/{pid}/fd"], ["head", "-c1", f"/proc/{pid}/environ"]):
        done = subprocess.run([*as_user, *command], capture_output=True, text=True)
        assert "Permission denied" in done.stderr, done


def test_is_nobody_without_capabilities_and_still_does_its_work(
    record: Callable[..., Recorder], private: Path
) -> None:
    """In a folder and on a file that nobody may not even look at."""
    recorder = record("--print", db=private)
    subprocess.run(["true", "23"], check=True)
    wait_for(lambda: recorder.ours("true", "23"), "the first event")
    assert len(status(recorder.process.pid)) > 1  # the one that prints as well
    assert_unprivileged(recorder.process.pid, OWN)
    assert_closed_to_others(recorder.process.pid)
    assert private.stat().st_mode & 0o777 == 0o600
    assert private.stat().st_uid == 0

    assert "in the kernel" in recorder.run("config", "set", "0", "still here")
    subprocess.run(["true", "29"], check=True)
    wait_for(lambda: recorder.ours("true", "29"), "the second event")
    assert ", 0 lost, " in recorder.stop()
    no_program_is_left()
    (event,) = recorder.ours("true", "29")
    assert event["message"] == "still here"
    assert recorder.run("status").count(" clean: ") == 1


@pytest.mark.thorough
def test_leaves_everything_in_the_database_file_itself(
    record: Callable[..., Recorder], private: Path, tmp_path: Path
) -> None:
    """Though it may not remove the WAL from a folder that is not its own."""
    recorder = record(db=private)
    subprocess.run(["true", "31"], check=True)
    recorder.stop()
    alone = tmp_path / "copy.db"
    shutil.copy(private, alone)
    with closing(sqlite3.connect(alone)) as connection:
        query = 'SELECT count(*) FROM execs WHERE argv = \'["true", "31"]\' AND ppid = ?'
        assert connection.execute(query, (os.getpid(),)).fetchone() == (1,)


@pytest.mark.thorough
def test_checkpoints_in_a_thread_without_privileges(
    record: Callable[..., Recorder], private: Path, programs: Path
) -> None:
    recorder = record("--max-size", "10MB", "--quiet", db=private)
    assert len(status(recorder.process.pid)) == 3  # one checkpoints, one writes to stderr
    assert_unprivileged(recorder.process.pid, OWN)
    before = private.stat().st_size
    finish(storm(programs, 3_001))
    wait_for(lambda: private.stat().st_size > before, "the WAL to be emptied")
    assert_unprivileged(recorder.process.pid, OWN)
    recorder.stop()


def test_is_not_the_owner_of_the_database(
    record: Callable[..., Recorder], private: Path, programs: Path
) -> None:
    """Whose other processes could do with it what they like. The WAL is emptied meanwhile."""
    record(db=private).stop()
    for file in private.parent.iterdir():
        os.chown(file, MEMBER, GROUP)
    os.chown(private.parent, MEMBER, GROUP)
    recorder = record("--max-size", "10MB", db=private)
    assert_unprivileged(recorder.process.pid, OWN)
    assert_closed_to_others(recorder.process.pid)
    before = private.stat().st_size
    finish(storm(programs, 3_001))
    wait_for(lambda: private.stat().st_size > before, "the WAL to be emptied")
    subprocess.run(["true", "37"], check=True)
    assert ", 0 lost, " in recorder.stop()
    assert len(recorder.ours("true", "37")) == 1
    with closing(sqlite3.connect(private)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert {file.stat().st_uid for file in private.parent.iterdir()} <= {MEMBER, 0}


@pytest.mark.parametrize(("name", "uid"), first(1, [("daemon", 1), ("1", 1), ("root", 0)]))
def test_is_whom_one_names(
    record: Callable[..., Recorder], private: Path, name: str, uid: int
) -> None:
    recorder = record("--user", name, db=private)
    assert_unprivileged(recorder.process.pid, uid)
    subprocess.run(["true", "41"], check=True)
    recorder.stop()
    assert len(recorder.ours("true", "41")) == 1


def test_holds_nothing_that_its_caller_has_open(
    record: Callable[..., Recorder], tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    with theirs.open("w") as file:
        recorder = record(stdin=file, pass_fds=(file.fileno(),))
    folder = Path(f"/proc/{recorder.process.pid}/fd")
    held = {int(fd.name): os.readlink(fd) for fd in folder.iterdir()}
    assert str(theirs) not in held.values()
    assert held[0] == os.devnull


@pytest.mark.thorough
def test_a_limit_that_others_lower_is_restored_or_reported(recorder: Recorder) -> None:
    """Their limit also bounds the log of this test, which must fit."""

    def stored(mark: str) -> bool:
        subprocess.run(["true", mark], check=True)
        return bool(recorder.ours("true", mark))

    def lower(limit: str) -> None:
        user, group = own_user()
        pid = str(recorder.process.pid)
        become = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
        subprocess.run([*become, "prlimit", "--pid", pid, f"--fsize={limit}"], check=True)

    def limit() -> list[str]:
        text = Path(f"/proc/{recorder.process.pid}/limits").read_text()
        return text.partition("Max file size")[2].split()[:2]

    before = limit()
    lower("4001:")
    wait_for(lambda: "(RLIMIT_FSIZE) to 4001; restored" in recorder.log, "the first warning")
    assert limit() == before
    wait_for(lambda: stored("59"), "an exec after it")

    lower("4001:4001")
    wait_for(lambda: "4001, and it cannot be raised again" in recorder.log, "the second warning")
    subprocess.run(["true", "61"], check=True)
    recorder.process.terminate()
    assert recorder.process.wait(60) == 1
    assert "could not be stored" in recorder.log.splitlines()[-1]
    assert "Traceback" not in recorder.log


@pytest.mark.parametrize("option", ["--user", "--group"])
def test_an_unknown_name_is_told_before_anything_is_made(tmp_path: Path, option: str) -> None:
    done = subprocess.run(
        [EXECDB, "--db", tmp_path / "a.db", "collect", option, "no-such-name"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "'no-such-name' on this machine" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.thorough
@others_can_run_it
def test_without_the_right_to_become_someone_stays_who_it_is(
    reachable: Path, record: Callable[..., Recorder]
) -> None:
    """As with CAP_BPF and CAP_PERFMON alone, for a user."""
    os.chown(reachable, MEMBER, GROUP)
    capabilities = "+bpf,+perfmon"
    become = ["setpriv", "--reuid", str(MEMBER), "--regid", str(GROUP), "--clear-groups",
              "--inh-caps", capabilities, "--ambient-caps", capabilities]  # fmt: skip
    recorder = record(db=reachable / "execdb.db", under=become)
    assert all(thread["CapEff"] == "0" * 16 for thread in status(recorder.process.pid))
    assert status(recorder.process.pid)[0]["Uid"].split() == [str(MEMBER)] * 4
    assert_closed_to_others(recorder.process.pid)
    subprocess.run(["true", "43"], check=True)
    recorder.stop()
    assert len(recorder.ours("true", "43")) == 1


def test_keeps_what_the_kernel_asks_for_and_nothing_more() -> None:
    """To make a map that is a queue takes CAP_BPF; to look at oneself takes nothing."""

    def make_a_queue() -> None:
        os.close(bpf(MAP_CREATE, struct.pack("5I", MAP_TYPE_QUEUE, 0, 4, 1, 0)))

    def drop_and_tell() -> int:
        kept = drop(NOBODY, NOBODY, {CAP_PERFMON: os.getpid, CAP_BPF: make_a_queue})
        make_a_queue()
        fields = status(os.getpid())[0]
        os.write(write, f"{kept} {fields['CapEff']} {fields['CapPrm']} {fields['Uid']}".encode())
        return 0

    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        end_with(drop_and_tell)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    mask = f"{1 << CAP_BPF:016x}"
    assert text.split() == ["['CAP_BPF']", mask, mask, *[str(NOBODY)] * 4]
