"""A file that is written as a whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from execdb.store.errors import DatabaseError
from execdb.store.export.new_file import new_file

ALICE = 7_901  # a number that needs no name


def write(file: Path, *, replace: bool = False, but: Path = Path("/nowhere")) -> None:
    with new_file(file, replace=replace, but=but) as place:
        place.write_text("new")


def test_it_is_private_and_there_only_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with new_file(file, replace=False, but=Path("/nowhere")) as place:
        assert not file.exists()
        assert place.parent == tmp_path
        place.write_text("new")
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_nlink == 1
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left"), ValueError])
def test_an_error_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    def fail() -> None:
        with new_file(tmp_path / "file", replace=False, but=Path("/nowhere")) as place:
            place.write_text("half")
            raise error

    with pytest.raises((KeyboardInterrupt, DatabaseError, ValueError)):
        fail()
    assert os.listdir(tmp_path) == []


def test_a_file_that_exists_is_kept_or_replaced(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(DatabaseError, match="--force"):
        write(file)
    assert file.read_text() == "old"
    write(file, replace=True)
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o600)
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "file"

    def meet() -> None:
        with new_file(file, replace=False, but=Path("/nowhere")):
            file.write_text("theirs")

    with pytest.raises(DatabaseError, match="exists"):
        meet()
    assert file.read_text() == "theirs"
    assert os.listdir(tmp_path) == ["file"]


def test_links_folders_and_pipes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = sorted(os.listdir(tmp_path))
    for name in ("link", "dangling", "folder", "pipe", "none/file"):
        for replace in (False, True):
            with pytest.raises(DatabaseError):
                write(tmp_path / name, replace=replace)
    assert sorted(os.listdir(tmp_path)) == before
    assert (tmp_path / "target").read_text() == "old"


def test_the_database_itself_is_never_replaced(tmp_path: Path) -> None:
    for name in ("a.db", "a.db-wal"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(DatabaseError, match="belongs to the database"):
            write(tmp_path / name, replace=True, but=tmp_path / "a.db")
        assert (tmp_path / name).read_text() == "mine"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_writes_in_a_users_folder_as_that_user(tmp_path: Path) -> None:
    home, secret = tmp_path / "home", tmp_path / "secret"
    home.mkdir()
    os.chown(home, ALICE, ALICE)
    secret.mkdir(mode=0o700)
    write(home / "file")
    assert (home / "file").stat().st_uid == ALICE
    (home / "link").symlink_to(secret)  # a folder where only root may write
    os.lchown(home / "link", ALICE, ALICE)
    with pytest.raises(DatabaseError):
        write(home / "link" / "file")
    assert os.listdir(secret) == []
