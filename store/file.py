"""The database file before SQLite opens it: is it there, is it one, may we. Imports nothing heavy,
so that a collector can have it made while it loads the rest."""

import os
from contextlib import closing
from pathlib import Path

from execdb.store.errors import DatabaseError
from execdb.store.safe_files import acting_for, make_file, make_folder, way_to

# Of a new file, in this order: the first two must be said before there is a table. Most tables are
# small, or their rows are, so small pages leave less of them empty.
NEW = ("page_size = 2048", "auto_vacuum = INCREMENTAL", "journal_mode = WAL")
_MAGIC = b"SQLite format 3\0"


def prepare(path: Path, *, create: bool) -> None:
    """Makes the file if it is to be made, in a folder that is private if it is new, too. Raises
    DatabaseError for what cannot be a database of ours."""
    if create:
        _make_folder(path)
    _check_file(path, create)
    if not path.exists() or path.stat().st_size == 0:
        if not create:
            raise DatabaseError(
                f"no database at {path} yet: execdb collect makes one (or name yours with --db)"
            )
        make(path)


def _make_folder(path: Path) -> None:
    try:
        make_folder(path.parent)
    except FileNotFoundError as error:
        raise DatabaseError(f"there is no folder {path.parent.parent} to make {path} in") from error
    except OSError as error:
        raise DatabaseError(f"cannot make the folder {path.parent}: {error.strerror}") from error


def _check_file(path: Path, create: bool) -> None:
    """Says what is wrong in words before SQLite says it in its own."""
    try:
        exists = path.exists()
        if path.is_dir():
            raise DatabaseError(f"{path} is a folder, not a database file")
    except OSError as error:
        raise DatabaseError(f"cannot look at {path}: {error.strerror}") from error
    if exists and not path.is_file():
        raise DatabaseError(f"{path} is not a file")
    if not exists:
        if create and not os.access(path.parent, os.W_OK | os.X_OK):
            raise DatabaseError(f"cannot make {path}: no permission to write in {path.parent}")
        return
    try:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
    except OSError as error:
        raise DatabaseError(f"cannot read {path}: {error.strerror}") from error
    if start and start != _MAGIC:
        raise DatabaseError(f"{path} is not an SQLite database")
    if create and not os.access(path, os.W_OK):
        raise DatabaseError(f"no permission to write to {path}")


def make(path: Path) -> None:
    """Gives an empty file, or none, the tables that migrations would have made, all at once:
    another process sees none or all of them. Leaves one that has some alone. Raises
    DatabaseError."""
    import sqlite3

    from execdb.store.blank import STATEMENTS
    from execdb.store.sentences import of_system, told

    try:
        # What SQLite makes beside it is as private as the file itself.
        make_file(path)
        uri = f"{path.absolute().as_uri()}?mode=rw"
        with (
            acting_for(way_to(path)),
            closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection,
        ):
            connection.execute("PRAGMA synchronous = NORMAL")
            for pragma in NEW:
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is None:
                for statement in STATEMENTS:
                    connection.execute(statement)
            connection.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        raise told(path, error) from error
    except OSError as error:
        raise of_system(path, "make", error) from error
