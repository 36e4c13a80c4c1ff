"""A database is removed for good: with its own files, and without anybody else's."""

import os
import subprocess
from pathlib import Path

import pytest

from execdb.store.errors import DatabaseError
from execdb.store.file.copies.removal import remove_database, require_ours

NOBODY = 65534


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def folder(db: Path) -> Path:
    """Where a database is with all that execdb may have left beside it."""
    own = ("-wal", "-shm", "-journal", ".lock", ".revision-0012.20261126T125200Z",
           ".revision-0013.20261126T125200Z.2")  # fmt: skip
    for suffix in own:
        db.with_name(db.name + suffix).touch()
    return db.parent


def test_it_goes_with_its_files_and_its_folder(db: Path, folder: Path) -> None:
    assert remove_database(db, None, folder)
    assert not folder.exists()
    assert not remove_database(db, None, folder)
    assert not require_ours(db)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_folder_that_is_a_disk_of_its_own_stays(db: Path, folder: Path) -> None:
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        assert remove_database(db, None, folder)
        assert names(folder) == set()
    finally:
        subprocess.run(["umount", folder], check=True)


def test_files_that_only_begin_with_its_name_stay(db: Path, folder: Path) -> None:
    others = {f"{db.name}{suffix}" for suffix in (
        ".txt", "-2025.tar", ".metadata.json", ".revision-12", "-wal.bak", ".lock.d",
    )} | {"letters"}  # fmt: skip
    for name in others:
        (folder / name).write_text("precious")
    precious = folder / "letters"
    (folder / f"{db.name}-wal").unlink()
    (folder / f"{db.name}-wal").symlink_to(precious)
    assert remove_database(db, None, folder)
    assert names(folder) == others | {f"{db.name}-wal"}
    assert precious.read_text() == "precious"


def test_the_folder_of_somebody_else_stays(db: Path, folder: Path) -> None:
    assert remove_database(db, NOBODY, Path("/var/lib/execdb"))
    assert names(folder) == set()


def test_the_folder_of_the_services_user_goes(db: Path, folder: Path) -> None:
    assert remove_database(db, os.getuid(), Path("/var/lib/execdb"))
    assert not folder.exists()


@pytest.mark.parametrize("kind", ["text", "empty", "sqlite", "link", "folder", "pipe"])
def test_what_is_no_database_of_execdb_stays(db: Path, folder: Path, kind: str) -> None:
    ours = db.read_bytes()
    target = folder / "target"
    target.write_bytes(ours)
    db.unlink()
    if kind == "link":
        db.symlink_to(target)
    elif kind == "folder":
        db.mkdir()
    elif kind == "pipe":
        os.mkfifo(db)
    else:
        db.write_bytes({"text": b"x" * 99, "empty": b"", "sqlite": ours[:68] + bytes(30)}[kind])
    before = names(folder)
    for attempt in (require_ours, lambda path: remove_database(path, None, folder)):
        with pytest.raises(DatabaseError, match=str(db)):
            attempt(db)
    assert names(folder) == before
