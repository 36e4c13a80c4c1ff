"""Brings a database file to the newest revision, after a copy of it was made beside it.

The one place that imports Alembic, which only `execdb upgrade` pays for.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path

from execdb.store.errors import DatabaseError
from execdb.store.file.create import prepare
from execdb.store.file.database import Database, check_revision, revision_of
from execdb.store.file.safe_files import acting_for, way_to
from execdb.store.file.sqlite_errors import of_system, told
from execdb.store.schema.constants import APPLICATION_ID, REVISION


@contextmanager
def opened_for_upgrade(path: Path) -> Iterator[tuple[Database, str]]:
    """The database as it is, with its revision. Raises DatabaseError where it is not execdb's, or
    is newer than this program."""
    prepare(path, create=False)
    with Database(path) as database:
        found = database.trust()
        check_revision(path, found, older=True)
        assert found is not None
        if found != REVISION and not os.access(path, os.W_OK):
            raise DatabaseError(f"{path} may not be written to: upgrade it as its owner")
        yield database, found


def copy_of(database: Database) -> Path:
    """Makes a private copy beside the file, `NAME.before-REVISION`, of one moment and whole on the
    disk, over no other file. Raises DatabaseError; no part of it is left then."""
    way = way_to(database.path)
    name = f"{way.real.name}.before-{REVISION}"
    unfinished = way.real.with_name(f"{name}.{os.getpid()}")
    how = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with acting_for(way):
            os.close(os.open(unfinished, how, 0o600))
            try:
                _copy(database, unfinished)
                return _named(unfinished, name)
            finally:
                with suppress(OSError):
                    unfinished.unlink()
    except OSError as error:
        raise of_system(unfinished, "make a copy of the database,", error) from error


def _copy(database: Database, target: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{target.as_uri()}?mode=rw", uri=True)) as copy:
            copy.execute("PRAGMA journal_mode = OFF")
            database.connection.backup(copy)
    except sqlite3.Error as error:
        raise told(target, error) from error
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _named(unfinished: Path, name: str) -> Path:
    """Gives it the first name that is free; only then a copy is there."""
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
    """Migrates inside one write transaction: another process sees the old or the new."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DatabaseError as SQLError
    from sqlalchemy.pool import StaticPool

    import execdb.migrations as package

    config = Config()
    config.set_main_option("script_location", str(Path(package.__path__[0])).replace("%", "%%"))
    engine = create_engine("sqlite://", creator=lambda: database.connection, poolclass=StaticPool)
    # SQLAlchemy believes that the transaction is its own; when it ends it, there is none left.
    with engine.begin() as connection, database.writing() as writing:
        if revision_of(writing) == REVISION:
            return  # another process was faster
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except SQLError as error:
            if isinstance(error.orig, sqlite3.Error):
                raise told(database.path, error.orig) from error
            raise
        writing.execute(f"PRAGMA application_id = {APPLICATION_ID}")
