"""A database that is made for what then fails, such as an import: nothing of it stays."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database, open_database
from execdb.store.file.filesystem_user import acting_for
from execdb.store.file.path import resolve
from execdb.store.file.sql import scalar

# Those that are empty in a new database. A change of the config also adds to `config_change`.
_TABLES = (
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    " AND name NOT IN ('alembic_version', 'config_state', 'user_limit')"
)


@contextmanager
def opened_or_made(path: Path) -> Iterator[Database]:
    """As `open_database` with `create`. If what is done inside fails, a file and a folder that were
    made for it are removed, unless others use them already."""
    new, new_folder = not os.path.lexists(path), not os.path.lexists(path.parent)
    with open_database(path, create=True) as database:
        try:
            yield database
        except BaseException:
            if new:
                with suppress(DatabaseError, OSError, sqlite3.Error):
                    _remove(database, folder=new_folder)
            raise


def _remove(database: Database, *, folder: bool) -> None:
    connection = database.connection
    with acting_for(resolve(database.path)):
        if scalar(connection, "PRAGMA journal_mode = DELETE") != "delete":  # others have it open
            return
        connection.execute("BEGIN EXCLUSIVE")  # until it is closed: whoever comes now waits
        tables = [name for (name,) in connection.execute(_TABLES)]
        used = any(scalar(connection, f"SELECT EXISTS (SELECT 1 FROM {t})") for t in tables)
        if used or not database.is_there():
            return
        database.real.unlink()
        if folder:
            database.real.parent.rmdir()
