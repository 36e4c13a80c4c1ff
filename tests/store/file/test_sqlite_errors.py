"""What went wrong is said by SQLite's and the system's codes, whatever words are in their text."""

import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.errors import DatabaseBusy, DatabaseError, DatabaseFull, DatabaseRefused
from execdb.store.file.database import open_database
from execdb.store.file.sqlite_errors import as_database_error, from_os_error
from tests.conftest import EXECDB, an_exec, recorded

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
WORDS = ("fullname", "lockedness", "malformed", "corruption", "readonly_column", "unable to open")


@pytest.mark.parametrize("word", WORDS)
def test_a_word_in_a_name_decides_nothing(db: Path, word: str) -> None:
    with open_database(db) as database:
        with pytest.raises(DatabaseError) as caught, database.reading() as connection:
            connection.execute(f'SELECT "a"."{word}" FROM config AS a')
        assert type(caught.value) is DatabaseError
        assert f"is inconsistent: no such column: a.{word}" in str(caught.value)


def test_a_full_disk_and_a_lock_by_their_codes(db: Path) -> None:
    with closing(sqlite3.connect(db, isolation_level=None, timeout=0)) as one:
        one.execute("PRAGMA max_page_count = 1")
        with pytest.raises(sqlite3.Error) as full:
            one.execute("CREATE TABLE x AS SELECT zeroblob(1000003)")
        one.execute("BEGIN IMMEDIATE")
        with (
            closing(sqlite3.connect(db, isolation_level=None, timeout=0)) as other,
            pytest.raises(sqlite3.Error) as locked,
        ):
            other.execute("BEGIN IMMEDIATE")
    assert type(as_database_error(db, full.value)) is DatabaseFull
    assert type(as_database_error(db, locked.value)) is DatabaseBusy


SAID = {
    errno.ENOSPC: "no space left on its disk",
    errno.EDQUOT: "quota",
    errno.EMFILE: "too many open files",
    errno.ENFILE: "too many open files",
    errno.ENAMETOOLONG: "its name is too long",
    errno.EROFS: "read-only file system",
    errno.EFBIG: "limit on the size of files",
    errno.EACCES: "Permission denied",
}


@pytest.mark.parametrize("number", SAID)
def test_what_the_system_says(tmp_path: Path, number: int) -> None:
    error = from_os_error(tmp_path / "x.db", "make", OSError(number, os.strerror(number)))
    assert str(error).startswith(f"cannot make {tmp_path}/x.db: ")
    assert SAID[number] in str(error)
    assert isinstance(error, DatabaseFull) == (number in (errno.ENOSPC, errno.EDQUOT))


Mount = Callable[..., Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Mounts a small file system, or a folder read-only."""
    mounted: list[Path] = []

    def mount(*options: str) -> Path:
        folder = tmp_path / f"mounted-{len(mounted)}"
        folder.mkdir()
        subprocess.run(["mount", *options, str(folder)], check=True)
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def said(path: Path) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught, open_database(path, create=True) as database:
        recorded(database, [an_exec(n, argv=("x" * 9_001 + str(n),)) for n in range(97)])
    return caught.value


@needs_root
@pytest.mark.parametrize("inodes", range(1, 4))
def test_no_inodes_are_left(mount: Mount, inodes: int) -> None:
    folder = mount("-t", "tmpfs", "-o", f"nr_inodes={inodes}", "tmpfs")
    found = said(folder / "x.db")
    assert isinstance(found, DatabaseFull)
    assert "no inodes left" in str(found)


@needs_root
def test_no_space_is_left(mount: Mount) -> None:
    assert isinstance(said(mount("-t", "tmpfs", "-o", "size=300k", "tmpfs") / "x.db"), DatabaseFull)


def test_a_name_that_is_too_long_with_what_sqlite_adds(tmp_path: Path) -> None:
    assert "its name is too long" in str(said(tmp_path / ("a" * 250)))
    assert "too long" in str(said(tmp_path / ("a" * 256))).lower()


@needs_root
def test_a_read_only_copy_with_a_wal_is_not_whole_alone(
    mount: Mount, db: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    with open_database(db) as database:
        recorded(database, [an_exec()])
        for name in ("execdb.db", "execdb.db-wal"):
            (folder / name).write_bytes(db.with_name(name).read_bytes())
    place = mount("--bind", str(folder))
    subprocess.run(["mount", "-o", "remount,bind,ro", str(place)], check=True)
    with pytest.raises(DatabaseError, match="file system is read-only: copy it, with its -wal"):
        open_database(place / "execdb.db")


@needs_root
def test_a_read_only_file_system_is_not_called_full(mount: Mount, db: Path) -> None:
    """Those that are made read-only have no room either."""
    folder = mount("-t", "tmpfs", "-o", "size=300k", "tmpfs")
    with open_database(db) as database:
        recorded(database, [an_exec()])
        for name in ("execdb.db", "execdb.db-wal"):
            (folder / name).write_bytes(db.with_name(name).read_bytes())
    with pytest.raises(OSError, match="space"):
        (folder / "rest").write_bytes(bytes(300_000))
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    with pytest.raises(DatabaseError, match="file system is read-only: copy it, with its -wal"):
        open_database(folder / "execdb.db")


LIMITED = """
import resource, sys
from pathlib import Path
from execdb.store.file.database import open_database
from tests.conftest import an_exec, recorded
with open_database(Path(sys.argv[1])) as database:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        recorded(database, [an_exec(n, argv=("x" * 9_001 + str(n),)) for n in range(97)])
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_the_limit_on_the_size_of_files_is_named(db: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED, db], capture_output=True, text=True)
    assert done.stdout.startswith(f"{DatabaseRefused.__name__} cannot write to {db}: the limit on")


@pytest.mark.parametrize("spare", range(5))
def test_too_many_open_files(db: Path, spare: int) -> None:
    """However many SQLite gets before there are no more."""
    code = (
        "import os, resource, sys; from pathlib import Path;"
        "from execdb.store.file.database import open_database\n"
        "import execdb.store.file.sqlite_errors;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir('/proc/self/fd')) - 1 +"
        " int(sys.argv[2]),) * 2)\n"
        "try: open_database(Path(sys.argv[1])); print('opened')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    command = [sys.executable, "-c", code, db, str(spare)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout == "opened\n" or "open files" in done.stdout.lower()
    assert "permission" not in done.stdout


def test_a_file_to_import_is_not_the_database(db: Path, tmp_path: Path) -> None:
    file = tmp_path / "latin1.ndjson"
    file.write_bytes(b'{"host": "h\xe9"}\n')
    command = [EXECDB, "--db", db, "import", file]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"execdb: {file}: line 1 is not UTF-8")
    assert str(db) not in done.stderr
