"""One collector a database: by whatever name, and whatever readers and tidy people do."""

import fcntl
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.errors import DatabaseError, RecordingError
from execdb.store.file.locks.collector_lock import CollectorLock, collector_pid
from tests.others import OTHER
from tests.processes.process import Process

FIRST_BYTE = 1 << 62


@pytest.fixture
def lock(db: Path) -> Iterator[CollectorLock]:
    with closing(CollectorLock(db)) as lock:
        yield lock


def read_lock(path: Path) -> int:
    """What a user who may read a file can do to it."""
    fd = os.open(path, os.O_RDONLY)
    wanted = struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)  # to its end and beyond
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, wanted)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return fd


def test_one_collector_a_database(db: Path) -> None:
    lock = CollectorLock(db)
    try:
        assert collector_pid(db) == os.getpid()
        with pytest.raises(RecordingError, match=str(os.getpid())):
            CollectorLock(db)
    finally:
        lock.close()
    assert collector_pid(db) is None
    CollectorLock(db).close()


def test_the_lock_is_the_files_and_not_its_names(db: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.symlink_to(db)
    with closing(CollectorLock(db)):
        assert collector_pid(other) == os.getpid()
        with pytest.raises(RecordingError):
            CollectorLock(other)


def test_it_ends_with_the_process(db: Path) -> None:
    code = "import sys, pathlib, time\n"
    code += "from execdb.store.file.locks.collector_lock import CollectorLock\n"
    code += "lock = CollectorLock(pathlib.Path(sys.argv[1])); print(flush=True); time.sleep(60)"
    with Process([sys.executable, "-c", code, db], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert collector_pid(db) == holder.pid
        holder.kill()
    assert collector_pid(db) is None


@pytest.mark.parametrize("what", ["removed", "replaced", "moved"])
def test_it_holds_without_its_file(db: Path, lock: CollectorLock, what: str) -> None:
    beside = Path(f"{db}.lock")
    if what == "moved":
        beside.rename(f"{beside}.old")
    else:
        beside.unlink()
    if what == "replaced":
        beside.touch()
    assert collector_pid(db) == os.getpid()
    with pytest.raises(RecordingError, match=str(os.getpid())):
        CollectorLock(db)
    assert lock.problem() is None


def test_a_reader_can_hold_neither(db: Path) -> None:
    with closing(CollectorLock(db)):
        assert (os.stat(f"{db}.lock").st_mode & 0o777) == 0o600
    Path(f"{db}.lock").chmod(0o640)  # as an earlier execdb left it
    CollectorLock(db).close()
    assert (os.stat(f"{db}.lock").st_mode & 0o777) == 0o600


@pytest.mark.parametrize("suffix", ["", ".lock"])
def test_the_read_lock_of_a_reader_does_not_keep_a_collector_out(db: Path, suffix: str) -> None:
    CollectorLock(db).close()
    fd = read_lock(Path(f"{db}{suffix}"))
    try:
        assert collector_pid(db) is None
        with closing(CollectorLock(db)):
            assert collector_pid(db) == os.getpid()
            with pytest.raises(RecordingError, match="another collector"):
                CollectorLock(db)
    finally:
        os.close(fd)


def test_a_collector_that_has_only_its_file_notices_when_that_goes(db: Path) -> None:
    fd = read_lock(db)
    with closing(CollectorLock(db)) as lock:
        assert lock.problem() is None
        Path(f"{db}.lock").rename(f"{db}.old")
        assert "was removed" in str(lock.problem())
        os.close(fd)
        assert lock.problem() is None  # it has got the other one
        with pytest.raises(RecordingError):
            CollectorLock(db)


def test_read_locks_on_both_are_a_line(db: Path) -> None:
    CollectorLock(db).close()
    fds = [read_lock(db), read_lock(Path(f"{db}.lock"))]
    with pytest.raises(RecordingError, match="end it"):
        CollectorLock(db)
    for fd in fds:
        os.close(fd)


@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "hard link"])
def test_nothing_but_a_file_of_its_own_is_locked(db: Path, tmp_path: Path, kind: str) -> None:
    beside, victim = Path(f"{db}.lock"), tmp_path / "victim"
    victim.write_text("precious")
    if kind == "pipe":
        os.mkfifo(beside)
    elif kind == "link":
        beside.symlink_to(victim)
    elif kind == "folder":
        beside.mkdir()
    else:
        beside.hardlink_to(victim)
    assert collector_pid(db) is None
    with pytest.raises(DatabaseError, match=beside.name):
        CollectorLock(db)
    assert victim.read_text() == "precious"


def test_no_collector_where_there_is_no_database(own_database: Path) -> None:
    assert collector_pid(own_database) is None
    os.mkfifo(own_database)
    assert collector_pid(own_database) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_whoever_may_read_the_database_can_tell_who_records(
    template: Path, reachable: Path
) -> None:
    read, write = os.pipe()
    db = Path(shutil.copy(template, reachable))
    db.chmod(0o755)
    with closing(CollectorLock(db)):
        child = os.fork()
        if child == 0:
            try:
                os.setresuid(OTHER, OTHER, OTHER)
                os.write(write, str(collector_pid(db)).encode())
            finally:
                os._exit(0)
        os.waitpid(child, 0)
    assert os.read(read, 64) == str(os.getpid()).encode()
    os.close(read)
    os.close(write)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_its_file_belongs_to_whom_the_database_belongs(db: Path) -> None:
    os.chown(db, OTHER, OTHER)
    with closing(CollectorLock(db)):
        assert os.stat(f"{db}.lock").st_uid == OTHER
