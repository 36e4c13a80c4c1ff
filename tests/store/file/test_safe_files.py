"""Files in folders of other users: root goes there with the owner's rights only."""

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.config.table import ConfigTable
from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database, open_database
from execdb.store.file.filesystem_user import acting_for
from execdb.store.file.locks.collector_lock import CollectorLock
from execdb.store.file.path import resolve
from execdb.store.file.safe_files import share
from tests.conftest import an_exec, recorded
from tests.processes.process import PATIENCE_S, join

ALICE, MALLORY, GROUP = 7901, 7907, 7919  # numbers that need no name

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who can be robbed")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of Alice's, in one that root alone may enter."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o755)
    os.chown(folder, ALICE, ALICE)
    return folder


@pytest.fixture
def secret(tmp_path: Path) -> Iterator[Path]:
    """A folder of root's, with a file; both are as they were at the end."""
    folder = tmp_path / "secret"
    folder.mkdir(mode=0o700)
    file = folder / "file"
    file.write_text("secret")
    file.chmod(0o600)
    yield file
    status = file.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (0, 0, 0o600)
    assert file.read_text() == "secret"
    assert [each.name for each in folder.iterdir()] == ["file"]


def link(place: Path, target: Path, owner: int = ALICE) -> Path:
    place.symlink_to(target)
    os.lchown(place, owner, owner)
    return place


def owners(folder: Path) -> set[int]:
    return {each.lstat().st_uid for each in folder.iterdir()}


def test_what_is_made_in_a_users_folder_is_the_users(home: Path) -> None:
    with open_database(home / "new" / "execdb.db", create=True) as database:
        recorded(database, [an_exec()])
        with closing(CollectorLock(database.path)):
            assert len(list(database.path.parent.iterdir())) == 4
            assert owners(database.path.parent) == {ALICE}
    assert (home / "new").stat().st_uid == ALICE
    assert {each.name for each in (home / "new").iterdir()} == {"execdb.db", "execdb.db.lock"}


def test_in_roots_own_folder_it_is_roots(tmp_path: Path) -> None:
    with open_database(tmp_path / "execdb.db", create=True) as database:
        recorded(database, [an_exec()])
        assert owners(tmp_path) == {0}


def test_a_file_of_another_user_in_roots_folder_is_opened_by_root(db: Path) -> None:
    os.chown(db, ALICE, ALICE)
    with open_database(db) as database:
        recorded(database, [an_exec()])


def test_a_link_to_nothing_makes_nothing_where_its_owner_may_not(home: Path, secret: Path) -> None:
    path = link(home / "execdb.db", secret.parent / "ld.so.preload")
    with pytest.raises(DatabaseError, match="ermission"):
        open_database(path, create=True)


def test_a_link_for_a_folder_makes_nothing_where_its_owner_may_not(
    home: Path, secret: Path
) -> None:
    link(home / "folder", secret.parent)
    for name in ("execdb.db", "new/execdb.db"):
        with pytest.raises(DatabaseError, match="ermission"):
            open_database(home / "folder" / name, create=True)


def test_a_link_of_roots_is_followed_to_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    path = link(tmp_path / "execdb.db", tmp_path / "data" / "real.db", 0)
    open_database(path, create=True).close()
    assert (tmp_path / "data" / "real.db").stat().st_uid == 0


@pytest.mark.parametrize("owner", [0, ALICE])
def test_a_link_to_a_database_is_followed(home: Path, tmp_path: Path, owner: int) -> None:
    open_database(home / "real.db", create=True).close()
    path = link((home if owner else tmp_path) / "link.db", home / "real.db", owner)
    with open_database(path) as database:
        ConfigTable(database).set(0, "hi")
    assert {each.name for each in home.iterdir()} - {"link.db"} == {"real.db"}


def test_a_users_link_to_roots_database_is_no_way_to_write_to_it(home: Path, db: Path) -> None:
    path = link(home / "link.db", db)
    before = db.read_bytes()
    with pytest.raises(DatabaseError), open_database(path) as database:
        recorded(database, [an_exec()])
    assert db.read_bytes() == before


def test_where_everyone_may_make_files_a_link_is_its_owners(tmp_path: Path, secret: Path) -> None:
    everyones = tmp_path / "tmp"
    everyones.mkdir()
    everyones.chmod(0o1777)
    path = link(everyones / "x.db", secret.parent / "new", MALLORY)
    with pytest.raises(DatabaseError, match="ermission"):
        open_database(path, create=True)
    open_database(everyones / "mine.db", create=True).close()
    assert (everyones / "mine.db").stat().st_uid == 0
    (everyones / "mine.db-wal").touch()
    os.chown(everyones / "mine.db-wal", MALLORY, MALLORY)
    assert resolve(everyones / "mine.db").controller == MALLORY
    with pytest.raises(DatabaseError), open_database(everyones / "mine.db") as database:
        recorded(database, [an_exec()])


def test_links_that_go_round_in_a_circle(home: Path) -> None:
    link(home / "a", home / "b")
    link(home / "b", home / "a")
    with pytest.raises(DatabaseError, match="circle"):
        open_database(home / "a", create=True)


def test_the_files_beside_a_database_go_as_the_user_who_owns_their_folder(
    home: Path, secret: Path
) -> None:
    """The folder may be another one by the time when the last connection removes the WAL."""
    database = open_database(home / "d" / "file", create=True)
    recorded(database, [an_exec()])
    victim = secret.with_name("file-wal")
    victim.touch()
    (home / "d").rename(home / "away")
    link(home / "d", secret.parent)
    database.close()
    assert victim.exists()
    victim.unlink()


def test_only_the_thread_that_acts_for_someone_is_bound(home: Path, secret: Path) -> None:
    bound, opened = threading.Event(), []

    def elsewhere() -> None:
        bound.wait(PATIENCE_S)
        secret.open("a").close()
        opened.append(secret)

    other = threading.Thread(target=elsewhere, daemon=True)
    other.start()
    with acting_for(resolve(home / "execdb.db")):
        with pytest.raises(PermissionError):
            secret.open("a").close()
        bound.set()
        join(other)
        assert opened == [secret]
        with acting_for(resolve(home)), pytest.raises(PermissionError):
            secret.open("a").close()
        with pytest.raises(PermissionError):
            secret.open("a").close()
    secret.open("a").close()


@pytest.fixture
def shared(home: Path) -> Iterator[Path]:
    """A database in Alice's folder, open, with its lock."""
    path = home / "execdb.db"
    with open_database(path, create=True) as database:
        recorded(database, [an_exec()])
        with closing(CollectorLock(path)):
            yield path


def test_a_group_is_given_the_files(shared: Path) -> None:
    shared.parent.chmod(0o755)
    share(shared, GROUP, folder=False)
    for end in ("", "-wal", "-shm"):
        status = shared.with_name(shared.name + end).stat()
        assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (ALICE, GROUP, 0o640)
    assert shared.with_name(shared.name + ".lock").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["execdb.db-wal", "execdb.db-shm", "execdb.db"])
@pytest.mark.parametrize("how", ["link", "hard link", "root's file"])
def test_a_group_is_given_nothing_but_the_files(
    shared: Path, secret: Path, name: str, how: str
) -> None:
    swapped = shared.with_name(name)
    swapped.rename(shared.with_name("away"))
    if how == "link":
        link(swapped, secret)
    elif how == "hard link":
        os.link(secret, swapped)
    else:
        swapped.write_text("of root, who has put it there")
    with pytest.raises(DatabaseError, match=r"swapped|cannot let"):
        share(shared, GROUP, folder=False)
    assert swapped.stat().st_gid == 0
    swapped.unlink()


def test_a_new_folder_is_given_to_the_group(tmp_path: Path) -> None:
    path = tmp_path / "new" / "execdb.db"
    with open_database(path, create=True) as database:
        recorded(database, [an_exec()])
        with closing(CollectorLock(path)):
            share(path, GROUP, folder=True)
    status = path.parent.stat()
    assert (status.st_gid, status.st_mode & 0o777) == (GROUP, 0o750)


def test_a_user_is_not_led_by_anothers_link_to_where_nothing_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = link(tmp_path / "link.db", tmp_path / "new.db", MALLORY)
    monkeypatch.setattr(os, "geteuid", lambda: ALICE)
    with pytest.raises(DatabaseError, match=f"link of uid {MALLORY}"):
        resolve(path)
    open_database(tmp_path / "new.db", create=True).close()
    with pytest.raises(DatabaseError, match=f"link that user {MALLORY} has made"):
        Database(path)
    os.chown(path, ALICE, ALICE, follow_symlinks=False)
    Database(path).close()
