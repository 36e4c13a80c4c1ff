"""Makes the database file, or checks the one that is there, before SQLite opens it. Imports nothing
heavy, so that a collector can start with this while it loads the rest."""

import os
from contextlib import closing
from pathlib import Path

from execdb.store.errors import DatabaseError
from execdb.store.file.descriptor import Descriptor
from execdb.store.file.filesystem_user import acting_for
from execdb.store.file.path import real_path, resolve
from execdb.store.file.safe_files import make_file, make_folder
from execdb.store.file.side_files import check_beside
from execdb.store.schema import definition
from execdb.store.schema.constants import APPLICATION_ID, MAGIC

# PRAGMAs of a new file, in this order: the first two must come before the first table. Most tables
# are small, so small pages waste less space.
NEW = ("page_size = 2048", "auto_vacuum = INCREMENTAL", "journal_mode = WAL")


def prepare(path: Path, *, create: bool) -> None:
    """With `create`, makes the file if there is none, and its folder; both are private. Raises
    DatabaseError for a file that cannot be a database of ours."""
    if create:
        _make_folder(path)
    real = real_path(path)
    if not _check_file(path, real, create):
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


def _check_file(path: Path, real: Path, create: bool) -> bool:
    """False if there is no file, or an empty one. Raises DatabaseError with a better sentence than
    SQLite's for what is wrong."""
    if not os.path.lexists(real):
        check_beside(real, None)
        if create and not os.access(real.parent, os.W_OK | os.X_OK):
            raise DatabaseError(f"cannot make {path}: no permission to write in {path.parent}")
        return False
    file = Descriptor(real)
    try:
        check_beside(real, file)
        start = file.read(len(MAGIC))
    except OSError as error:
        raise DatabaseError(f"cannot read {path}: {error.strerror}") from error
    finally:
        file.close()
    if start and start != MAGIC:
        raise DatabaseError(f"{path} is not an SQLite database")
    if create and not os.access(real, os.W_OK):
        raise DatabaseError(f"no permission to write to {path}")
    return bool(start)


def make(path: Path) -> None:
    """Makes a new database of a file that is missing or empty, in one transaction: another process
    sees all tables or none. A file that has tables is left alone. Raises DatabaseError."""
    import sqlite3

    from execdb.store.file.sqlite_errors import database_errors, from_os_error

    real = real_path(path)
    try:
        make_file(path)
    except OSError as error:
        raise from_os_error(path, "make", error) from error
    uri = f"{real.as_uri()}?mode=rw"
    with (
        database_errors(path),
        acting_for(resolve(path)),
        closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA synchronous = NORMAL")
        for pragma in NEW:
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is None:
            for statement in definition.statements():
                connection.execute(statement)
            connection.execute("INSERT INTO alembic_version VALUES (?)", (definition.REVISION,))
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
