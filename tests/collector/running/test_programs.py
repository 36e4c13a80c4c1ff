"""What runs already, from folders like /proc: bounded, whatever stands there."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from execdb.collector.running.process import CMDLINE_CUT, CMDLINE_MAX
from execdb.collector.running.programs import RunningPrograms
from execdb.store.event import Command, Creds, Exec, Place, raw_of
from tests.collector.running.test_namespaces import a_proc

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
OFFSET_NS = 1_760_000_000_000_000_000


class Proc:
    """A folder like /proc, and what looks at it."""

    def __init__(self, folder: Path, **options: int) -> None:
        self.folder = a_proc(folder)
        self.add(1, b"init", ppid=0, start=0)
        self.running = RunningPrograms(lambda: OFFSET_NS, proc=folder, **options)

    def add(
        self,
        pid: int,
        cmdline: bytes,
        *,
        comm: bytes = b"x",
        ppid: int = 1,
        start: int = 23,
        uid: int = 1009,
        state: bytes = b"S",
        flags: int = 0,
        threads: int = 1,
        stack: int = 140720,
    ) -> Path:
        folder = self.folder / str(pid)
        (folder / "fd").mkdir(parents=True, exist_ok=True)
        fields = [b"0"] * 50
        fields[0], fields[1], fields[6] = state, b"%d" % ppid, b"%d" % flags
        fields[17], fields[19], fields[25] = b"%d" % threads, b"%d" % start, b"%d" % stack
        (folder / "stat").write_bytes(b"%d (%s) %s\n" % (pid, comm, b" ".join(fields)))
        (folder / "cmdline").write_bytes(cmdline)
        ids = b"Uid:\t%d\t%d\t0\t0\nGid:\t7\t8\t9\t10\n" % (uid, uid + 1)
        (folder / "status").write_bytes(b"Name:\tx\n" + ids)
        (folder / "cgroup").write_bytes(b"12:pids:/old\n0::/system.slice/x.service\n")
        (folder / "loginuid").write_text("4294967295")
        (folder / "sessionid").write_text("3")
        for name, target in (("exe", b"/usr/bin/x"), ("cwd", b"/srv/\xff")):
            (folder / name).unlink(missing_ok=True)
            os.symlink(target, bytes(folder / name))
        return folder

    def look(self) -> dict[int, Exec]:
        return {image.pid: image for some in self.running.look() for image in some}


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


def test_what_is_read_of_a_process(proc: Proc) -> None:
    proc.add(23, b"x\0--name\0\0", comm=b"a) (b", start=1009)
    image = proc.look()[23]
    assert (image.boot_ns, image.time_ns) == (1009 * TICK_NS, 1009 * TICK_NS + OFFSET_NS)
    assert (image.ppid, image.parent) == (1, (0, 1))
    assert image.creds == Creds(1009, 1010, 7, None, 3, None, "")
    assert image.command == Command("/usr/bin/x", "a) (b", ("x", "--name", ""), 3, False)
    assert image.place == Place("/srv/\udcff", "/system.slice/x.service")


def test_a_second_look_finds_only_what_is_new_or_runs_another_program(proc: Proc) -> None:
    proc.add(23, b"x\0")
    proc.add(29, b"y\0")
    assert sorted(proc.look()) == [1, 23, 29]
    proc.add(29, b"y\0", stack=140721)
    proc.add(23, b"the title it gave itself")
    proc.add(31, b"z\0", ppid=23, start=24)
    found = proc.look()
    assert list(found) == [31, 29]
    assert found[31].parent == (23 * TICK_NS, 23)
    assert proc.look() == {}


def test_without_the_right_to_addresses_an_exec_shows_in_name_and_arguments(proc: Proc) -> None:
    proc.add(23, b"sh\0-c\0x\0", stack=0)
    proc.look()
    proc.add(23, b"x\0", stack=0)
    assert list(proc.look()) == [23]


def test_another_process_with_the_same_pid_is_another(proc: Proc) -> None:
    proc.add(23, b"x\0")
    proc.look()
    proc.add(23, b"x\0", start=31)
    assert proc.look()[23].boot_ns == 31 * TICK_NS


def test_the_oldest_come_first_and_parents_are_older(proc: Proc) -> None:
    proc.add(23, b"child\0", ppid=1009, start=1010)
    proc.add(1009, b"parent\0", start=1009)
    proc.add(29, b"orphan\0", ppid=1013, start=7)
    proc.add(1013, b"has the parent's pid by now\0", start=1011)
    found = proc.look()
    assert list(found) == [1, 29, 1009, 23, 1013]
    assert (found[23].parent, found[29].parent) == ((1009 * TICK_NS, 1009), None)


def test_what_may_not_be_read_is_empty(proc: Proc) -> None:
    folder = proc.add(23, b"x\0")
    for name in ("exe", "cwd", "cgroup", "loginuid", "sessionid"):
        (folder / name).unlink()
    image = proc.look()[23]
    assert (image.command.filename, image.command.argv) == ("", ("x",))
    assert image.place == Place(None, None)
    assert (image.creds.loginuid, image.creds.sessionid) == (None, None)


def test_long_arguments_are_cut_and_marked(proc: Proc) -> None:
    with proc.add(23, b"").joinpath("cmdline").open("wb") as file:
        file.truncate(300 << 20)
    proc.add(29, b"\xff" * CMDLINE_MAX)
    proc.add(31, b"\xff" * (CMDLINE_MAX + 1))
    found = proc.look()
    zeros = found[23].command
    assert (len(zeros.argv), zeros.argc, zeros.truncated) == (CMDLINE_MAX, CMDLINE_MAX, True)
    assert [found[pid].command.truncated for pid in (29, 31)] == [False, True]
    assert [len(raw_of(found[pid].command.argv[0])) for pid in (29, 31)] == [CMDLINE_MAX] * 2


def weigh(images: Iterable[Exec]) -> int:
    return sum(len(raw_of(arg)) for image in images for arg in image.command.argv)


def test_the_arguments_of_one_user_do_not_push_out_those_of_others(tmp_path: Path) -> None:
    proc = Proc(tmp_path, arguments_max=1_000_000)
    for pid in range(1000, 1097):
        proc.add(pid, b"%d" % pid * 9_973, uid=1000)
    proc.add(2000, b"y" * 9_973, uid=1001, start=1009)
    found = proc.look()
    hog = [found[pid] for pid in range(1000, 1097)]
    assert 400_000 < weigh(hog) < 500_000 + 97 * CMDLINE_CUT
    cut = [image.command for image in hog if image.command.truncated]
    assert {len(command.argv[0]) for command in cut} == {CMDLINE_CUT}
    assert not found[2000].command.truncated


def test_slices_are_small(proc: Proc) -> None:
    for pid in range(1000, 1307):
        proc.add(pid, b"x" * (30_011 if pid < 1023 else 1) + b"\0", uid=pid)
    slices = list(proc.running.look())
    assert max(map(len, slices)) <= 128
    assert max(map(weigh, slices)) <= (256 << 10) + CMDLINE_MAX
    assert sum(map(len, slices)) == 308


def test_who_is_no_program(proc: Proc) -> None:
    proc.add(23, b"", comm=b"kthreadd", flags=0x00208040)
    proc.add(29, b"", comm=b"dead", state=b"Z")
    proc.add(31, b"", comm=b"first thread only", state=b"Z", threads=2)
    proc.add(37, b"", comm=b"no arguments")
    found = proc.look()
    assert sorted(found) == [1, 31, 37]
    assert found[37].command.argv == ()


BROKEN = {
    "no stat": lambda folder: (folder / "stat").unlink(),
    "an empty stat": lambda folder: (folder / "stat").write_bytes(b""),
    "a short stat": lambda folder: (folder / "stat").write_bytes(b"23 (x) S 1\n"),
    "a stat of words": lambda folder: (folder / "stat").write_bytes(b"(x) " + b"y " * 50),
    "no cmdline": lambda folder: (folder / "cmdline").unlink(),
    "no status": lambda folder: (folder / "status").unlink(),
    "a status without ids": lambda folder: (folder / "status").write_bytes(b"Name:\tx\n"),
    "a status of words": lambda folder: (folder / "status").write_bytes(b"Uid: a b\nGid: c\n"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_process_that_cannot_be_told_hides_no_other(proc: Proc, what: str) -> None:
    BROKEN[what](proc.add(23, b"x\0"))
    proc.add(29, b"y\0")
    assert sorted(proc.look()) == [1, 29]


def test_files_that_are_not_ours_to_hold_are_bounded(proc: Proc) -> None:
    folder = proc.add(23, b"x\0")
    with (folder / "status").open("ab") as file:
        file.write(b"Groups:\t" + b"1 " * 65_536)
    for name in ("stat", "cgroup", "loginuid"):
        with (folder / name).open("ab") as file:
            file.truncate(1 << 33)
    assert proc.look()[23].creds.uid == 1009


def test_a_proc_of_another_namespace_tells_nothing(tmp_path: Path) -> None:
    proc = Proc(tmp_path)
    (tmp_path / "self/ns/pid").unlink()
    (tmp_path / "self/ns/pid").symlink_to("pid:[4026532300]")
    running = RunningPrograms(lambda: OFFSET_NS, proc=tmp_path)
    assert [some for some in running.look() if some] == []
    assert "another PID namespace" in (running.lack or "")
    assert proc.running.lack is None


def test_a_proc_that_hides_others_says_so_and_tells_the_rest(proc: Proc) -> None:
    proc.add(23, b"x\0")
    (proc.folder / "1/stat").unlink()
    running = RunningPrograms(lambda: OFFSET_NS, proc=proc.folder)
    assert "hidepid" in (running.lack or "")
    assert [image.pid for some in running.look() for image in some] == [23]


def test_another_cgroup_namespace_shows_other_paths(proc: Proc) -> None:
    (proc.folder / "self/ns/cgroup").unlink()
    (proc.folder / "self/ns/cgroup").symlink_to("cgroup:[4026532301]")
    running = RunningPrograms(lambda: OFFSET_NS, proc=proc.folder)
    ((image,),) = [some for some in running.look() if some]
    assert image.place.cgroup is None


DAY = 86_400 * 1_000_000_000


@pytest.mark.parametrize("shift_ns", [DAY, -DAY, 7])
def test_boot_times_of_a_time_namespace_are_put_right(tmp_path: Path, shift_ns: int) -> None:
    """As the kernel writes them: nanoseconds since boot, shifted, without a sign, in ticks."""
    proc = Proc(tmp_path, shift_ns=shift_ns)
    began_ns = 1_009_123_456_789
    proc.add(23, b"x\0", start=((began_ns + shift_ns) % (1 << 64)) // TICK_NS)
    assert 0 <= began_ns - proc.look()[23].boot_ns < TICK_NS


def test_what_a_look_did_not_come_to_the_next_one_does(proc: Proc) -> None:
    for pid in range(1000, 1307):
        proc.add(pid, b"x\0", start=pid)
    some = next(some for some in proc.running.look() if some)
    assert [image.pid for image in some] == [1, *range(1000, 1127)]
    assert list(proc.look()) == [*range(1127, 1307)]
    assert proc.look() == {}
