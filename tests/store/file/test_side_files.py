"""What stands beside a database, or at its name, and is not what SQLite may meet there."""

import os
import socket
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Answer

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
