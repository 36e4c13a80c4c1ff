"""What stands beside a database, or at its name, and is not what SQLite may meet there."""

import os
import shutil
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.errors import DatabaseError
from execdb.store.file.database import open_database
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import EXECDB, START_NS, Answer, an_exec, counts, recorded

Run = Callable[..., Answer]
COMMANDS = (
    ("status",),
    ("query",),
    ("tree",),
    ("replay",),
    ("coverage",),
    ("config", "list"),
    ("config", "set", "7", "hi"),
    ("prune", "--older-than", "1d"),
    ("import", os.devnull),
)
OTHER = 65_533
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def forged_journal(db: Path, victim: Path) -> bytes:
    """One that SQLite rolls back, and then deletes the file that it names."""
    magic = bytes.fromhex("d9d505f920a163d7")
    page_bytes = struct.unpack(">H", db.read_bytes()[16:18])[0]
    pages = db.stat().st_size // page_bytes
    name = os.fsencode(victim)
    head = (magic + struct.pack(">5I", 0, 0, pages, 512, page_bytes)).ljust(512, b"\0")
    tail = struct.pack(">2I", len(name), sum(name)) + magic
    return head + struct.pack(">I", (1 << 30) // page_bytes + 1) + name + tail


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim"
    path.write_text("precious")
    return path


def test_the_forged_journal_would_delete_a_file(db: Path, victim: Path) -> None:
    Path(f"{db}-journal").write_bytes(forged_journal(db, victim))
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("SELECT * FROM config").fetchall()
    assert not victim.exists()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_journal_is_refused_by_every_command(
    db: Path, victim: Path, run: Run, command: tuple[str, ...]
) -> None:
    journal = Path(f"{db}-journal")
    journal.write_bytes(forged_journal(db, victim))
    before = db.read_bytes(), journal.read_bytes()
    answer = run(*command)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.count("\n") == 1
    assert f"{journal} is a journal" in answer.err
    assert victim.read_text() == "precious"
    assert (db.read_bytes(), journal.read_bytes()) == before


def test_doctor_tells_of_a_journal(db: Path, victim: Path, run: Run) -> None:
    Path(f"{db}-journal").write_bytes(forged_journal(db, victim))
    assert f"{db}-journal is a journal" in run("doctor").out
    assert victim.exists()


def test_an_empty_journal_is_nothing(db: Path, run: Run) -> None:
    Path(f"{db}-journal").touch()
    assert run("status").code == 0


@pytest.mark.parametrize("new", [True, False], ids=["a new database", "a database"])
@pytest.mark.parametrize("kind", ["link", "dangling link", "hard link", "pipe", "folder", "device"])
@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm", ".lock"])
def test_only_plain_files_may_stand_beside_it(
    own_database: Path, template: Path, victim: Path, run: Run, suffix: str, kind: str, new: bool
) -> None:
    """Nothing is followed, written or waited for."""
    beside = Path(f"{own_database}{suffix}")
    if not new:
        own_database.write_bytes(template.read_bytes())
    if kind == "link":
        beside.symlink_to(victim)
    elif kind == "dangling link":
        beside.symlink_to(victim.with_name("none"))
    elif kind == "hard link":
        beside.hardlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(beside)
    elif kind == "folder":
        beside.mkdir()
    elif os.geteuid() != 0:
        pytest.skip("needs root")
    else:
        os.mknod(beside, 0o020600, os.makedev(1, 3))
    answer = run("config", "set", "7", "hi")
    assert answer.code == 1
    assert f"{beside} " in answer.err
    assert "remove it" in answer.err
    assert victim.read_text() == "precious"
    assert not victim.with_name("none").exists()


@as_root
@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm", ".lock"])
def test_somebody_elses_file_beside_it_is_refused(db: Path, run: Run, suffix: str) -> None:
    beside = Path(f"{db}{suffix}")
    beside.touch()
    os.chown(beside, OTHER, OTHER)
    assert f"{beside} belongs to user {OTHER}" in run("status").err
    os.chown(db, OTHER, OTHER)
    assert run("status").code == 0


@as_root
def test_who_may_write_the_database_may_have_made_its_wal(db: Path, run: Run) -> None:
    beside = Path(f"{db}-wal")
    beside.touch()
    os.chown(beside, OTHER, OTHER)
    db.chmod(0o660)
    assert run("status").code == 0


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_a_database_is_a_plain_file(own_database: Path, run: Run, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(own_database)
    elif kind == "socket":
        with closing(socket.socket(socket.AF_UNIX)) as listener:
            listener.bind(str(own_database))
    else:
        own_database = Path("/dev/zero")
    for command in (("status",), ("config", "set", "7", "hi")):
        answer = run("--db", own_database, *command)
        assert (answer.code, answer.out) == (1, "")
        assert f"{own_database} is not a plain file" in answer.err


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_database_with_two_names_is_refused(
    db: Path, tmp_path: Path, run: Run, command: tuple[str, ...]
) -> None:
    """What is written under one of them is in a WAL that the other does not have."""
    other = tmp_path / "other.db"
    other.hardlink_to(db)
    for name in (db, other):
        answer = run("--db", name, *command)
        assert (answer.code, answer.out) == (1, "")
        assert f"{name} has 2 names" in answer.err
    other.unlink()
    assert "has 2 names" not in run(*command).err


@as_root
@pytest.mark.parametrize("where", ["the file", "its folder"])
def test_only_links_of_people_one_trusts_are_followed(
    db: Path, tmp_path: Path, run: Run, where: str
) -> None:
    link = tmp_path / "link"
    link.symlink_to(db if where == "the file" else db.parent)
    name = link if where == "the file" else link / db.name
    assert run("--db", name, "status").code == 0
    os.chown(link, OTHER, OTHER, follow_symlinks=False)
    for command in COMMANDS:
        answer = run("--db", name, *command)
        assert answer.code == 1
        assert f"{link} is a link that user {OTHER} has made" in answer.err
    for each in (db.parent, db):
        os.chown(each, OTHER, OTHER)
    assert run("--db", name, "status").code == 0


def test_links_that_lead_nowhere_are_a_line(tmp_path: Path, run: Run) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    answer = run("--db", tmp_path / "a", "status")
    assert answer.code == 1
    assert "go round in a circle" in answer.err


# Who may only read.

AS_OTHER = ("setpriv", "--reuid", str(OTHER), "--regid", str(OTHER), "--clear-groups")


def _others_can_run_it() -> bool:
    try:
        done = subprocess.run([*AS_OTHER, EXECDB, "--version"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


readers = pytest.mark.skipif(
    os.geteuid() != 0 or not _others_can_run_it(),
    reason="needs root, and a Python that others may run",
)


@pytest.fixture
def shown(template: Path) -> Iterator[Path]:
    """A database that others may read, with an event in it, where others may look."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        path = Path(name, "execdb.db")
        shutil.copy(template, path)
        path.chmod(0o644)
        with open_database(path) as database:
            recorded(database, [an_exec()]).finish(START_NS + 1, counts(1))
        yield path


def asked(db: Path, *before: str) -> Answer:
    done = subprocess.run(
        [*before, *AS_OTHER, EXECDB, "--db", db, "query", "--count"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


@readers
def test_a_reader_through_a_link_sees_what_is_in_the_wal(shown: Path) -> None:
    folder = shown.parent / "elsewhere"
    folder.mkdir(mode=0o755)
    (folder / "link.db").symlink_to(shown)
    with open_database(shown) as database:
        database.connection.execute("PRAGMA wal_autocheckpoint = 0")
        recorded(database, [an_exec(1)]).finish(START_NS + 10**9, counts(1))
        assert asked(folder / "link.db") == (0, "2\n", "")


@readers
def test_what_others_may_read_they_may_read_when_nobody_writes(shown: Path) -> None:
    """The last who closes it leaves the WAL, and what is in it in the file, too."""
    assert asked(shown) == (0, "1\n", "")
    copy = shown.with_name("copy.db")
    copy.write_bytes(shown.read_bytes())
    with open_database(copy) as database:
        assert History(database).count(Filter()) == 1


@readers
@pytest.mark.parametrize("missing", ["-wal", "-shm"])
def test_a_reader_without_the_wal_does_not_answer(shown: Path, missing: str) -> None:
    Path(f"{shown}{missing}").unlink()
    answer = asked(shown)
    assert (answer.code, answer.out) == (1, "")
    assert f"there is no {shown}{missing}" in answer.err
    assert "copy it" in answer.err


@readers
def test_a_reader_who_could_make_a_wal_does_not(shown: Path) -> None:
    """The owner would have to believe it."""
    Path(f"{shown}-wal").unlink()
    Path(f"{shown}-shm").unlink()
    shown.parent.chmod(0o777)
    assert asked(shown).code == 1
    assert not Path(f"{shown}-wal").exists()


@readers
@pytest.mark.parametrize("hidden", ["-wal", "-shm"])
def test_a_reader_who_may_not_read_the_wal_does_not_answer(shown: Path, hidden: str) -> None:
    Path(f"{shown}{hidden}").chmod(0o600)
    answer = asked(shown)
    assert (answer.code, answer.out) == (1, "")
    assert f"no permission to read {shown}{hidden}" in answer.err


@readers
def test_a_database_that_is_not_in_wal_mode_needs_no_wal(shown: Path) -> None:
    with closing(sqlite3.connect(shown)) as connection:
        assert connection.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    assert asked(shown) == (0, "1\n", "")


def mounted(db: Path, *mount: str) -> Answer:
    """What a reader is answered in a mount namespace of its own, after these commands."""
    script = " && ".join(mount) + ' && exec "$@"'
    return asked(db, "unshare", "--mount", "sh", "-ec", script, "sh")


@readers
def test_a_read_only_file_system_needs_no_wal(shown: Path) -> None:
    place = shown.parent / "place"
    place.mkdir()
    copied = f"mount -t tmpfs -o mode=755 tmpfs {place} && cp -p {shown} {place}/a.db"
    made = f"{copied} && mount -o remount,ro {place}"
    assert mounted(place / "a.db", made) == (0, "1\n", "")
    with_wal = f"{copied} && printf x >{place}/a.db-wal && mount -o remount,ro {place}"
    assert mounted(place / "a.db", with_wal).code == 1


@readers
def test_where_only_the_mount_is_read_only_others_may_write(shown: Path) -> None:
    place = shown.parent / "place"
    place.mkdir()
    bound = f"mount --bind {shown.parent} {place} && mount -o remount,bind,ro {place}"
    assert mounted(place / shown.name, bound) == (0, "1\n", "")
    Path(f"{shown}-wal").unlink()
    Path(f"{shown}-shm").unlink()
    assert mounted(place / shown.name, bound).code == 1


def test_looking_at_a_database_ends_none_of_sqlites_locks(db: Path) -> None:
    """POSIX would, as any descriptor of the file is closed."""
    others = "import fcntl, struct, sys; print(struct.unpack('hhqqi4x', fcntl.fcntl(open(sys.argv[1"
    others += "], 'rb+'), fcntl.F_GETLK, struct.pack('hhqqi4x', 1, 0, 0x40000002, 510, 0)))[0])"

    def locked() -> bool:
        done = subprocess.run([sys.executable, "-c", others, db], capture_output=True, check=True)
        return done.stdout == b"0\n"  # F_RDLCK

    with open_database(db) as database:
        with database.reading():
            pass
        assert locked()
        open_database(db).close()
        assert locked()
    assert not locked()


def test_refusals_leave_no_descriptor_open(db: Path) -> None:
    Path(f"{db}-wal").mkdir()
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        with pytest.raises(DatabaseError):
            open_database(db)
    assert len(os.listdir("/proc/self/fd")) == len(before)
