"""Brings a database file to the newest revision, after a copy of it was made beside it.

The one place that imports Alembic, which only `execdb upgrade` pays for.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from execdb.store.errors import DatabaseError, DatabaseFull
from execdb.store.file.copies.beside import name_of_copy, newest_copy
from execdb.store.file.create import prepare
from execdb.store.file.database import Database
from execdb.store.file.filesystem_user import acting_for
from execdb.store.file.path import resolve
from execdb.store.file.sql import scalar
from execdb.store.file.sqlite_errors import as_database_error, database_errors, from_os_error
from execdb.store.schema import definition, verify
from execdb.store.schema.constants import APPLICATION_ID
from execdb.store.schema.revision import check_revision
from execdb.store.schema.verify import SchemaRefused

if TYPE_CHECKING:
    from alembic.config import Config

_COPIED_PAGES = 1_000  # between two reports
Report = Callable[[int, int], None]


@contextmanager
def opened_for_upgrade(path: Path) -> Iterator[tuple[Database, str]]:
    """The database as it is, with its revision. Raises DatabaseError if it is not execdb's, or is
    newer than this program, or has another schema than its revision."""
    prepare(path, create=False)
    with Database(path) as database:
        with database_errors(path):
            found = check_revision(
                database.verify_schema(_schema_of),
                upgradable=True,
                copy_of=partial(newest_copy, database.real),
            )
        if found != definition.REVISION and not os.access(path, os.W_OK):
            raise DatabaseError(f"{path} may not be written to: upgrade it as its owner")
        yield database, found


def copy_of(
    database: Database, revision: str, now_s: float, report: Report = lambda done, total: None
) -> Path:
    """Makes a private, complete copy beside the file, which has this revision, and never overwrites
    another file. `now_s`, since the epoch, is in its name; `report` is called with how many pages
    are copied, and of how many. Raises DatabaseError; no part of the copy is left then."""
    resolved = resolve(database.path)
    name = name_of_copy(resolved.real, revision, now_s)
    _require_room(database, resolved.real.parent)
    unfinished = resolved.real.with_name(f"{name}.{os.getpid()}")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with acting_for(resolved):
            os.close(os.open(unfinished, flags, 0o600))
            try:
                _copy(database, unfinished, report)
                return _named(unfinished, name)
            finally:
                with suppress(OSError):
                    unfinished.unlink()
    except OSError as error:
        raise from_os_error(unfinished, "make a copy of the database,", error) from error


def _require_room(database: Database, folder: Path) -> None:
    """For the copy and for a migration that writes all of it again to the WAL. Raises
    DatabaseFull."""
    with database.reading() as connection:
        pages = scalar(connection, "PRAGMA page_count")
        needed = 2 * int(pages) * int(scalar(connection, "PRAGMA page_size"))
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if disk.f_blocks and free < needed:
        raise DatabaseFull(
            f"cannot upgrade {database.path}: a copy and the upgrade may take "
            f"{needed / 1e6:.1f} MB, and {free / 1e6:.1f} MB are free in {folder}: make room there"
        )


def _copy(database: Database, target: Path, report: Report) -> None:
    with (
        database_errors(target),
        closing(sqlite3.connect(f"{target.as_uri()}?mode=rw", uri=True)) as copy,
    ):
        copy.execute("PRAGMA journal_mode = OFF")
        with database.snapshot():  # of one moment, whoever writes meanwhile
            database.connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
            database.connection.backup(
                copy,
                pages=_COPIED_PAGES,
                progress=lambda status, left, total: report(total - left, total),
            )
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _named(unfinished: Path, name: str) -> Path:
    """Gives the finished copy the first of its names that is free."""
    for number in count():
        path = unfinished.with_name(f"{name}.{number}" if number else name)
        with suppress(FileExistsError):
            os.link(unfinished, path)
            break
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return path


def upgrade(database: Database) -> None:
    """Migrates inside one write transaction: another process sees the old schema or the new one.
    Raises DatabaseError."""
    from alembic import command
    from sqlalchemy.exc import DatabaseError as SQLError

    # SQLAlchemy takes the transaction for its own; when it ends it, there is none left.
    with _alembic(database.connection) as config, database.writing() as connection:
        if database.verify_schema_again(connection) == definition.REVISION:
            return  # another process was faster
        try:
            command.upgrade(config, "head")
        except SQLError as error:
            if isinstance(error.orig, sqlite3.Error):
                raise as_database_error(database.path, error.orig) from error
            raise
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _schema_of(revision: str) -> dict[str, str]:
    """The schema of an older revision, as the migrations make it. Raises SchemaRefused."""
    from alembic import command
    from alembic.util import CommandError

    with closing(sqlite3.connect(":memory:", isolation_level=None)) as empty:
        try:
            with _alembic(empty) as config:
                command.upgrade(config, revision)
        except CommandError as error:
            raise SchemaRefused(
                f"is not a complete execdb database (revision {revision})"
            ) from error
        objects = verify.read_schema(empty)
    return {f"{one.type} {one.name}": definition.normalized(one.sql or "") for one in objects}


@contextmanager
def _alembic(connection: sqlite3.Connection) -> Iterator["Config"]:
    """What Alembic needs to know to migrate the database of this connection."""
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    from execdb import migrations
    from execdb.migrations import versions

    config = Config()
    for option, folders in (
        ("script_location", migrations.__path__),
        ("version_locations", versions.__path__),
    ):
        config.set_main_option(option, "\n".join(folders).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    with engine.begin() as config.attributes["connection"]:
        yield config
