"""Brings a database file to the newest revision: `python -m execdb.store.upgrade PATH`.

Runs as a process of its own, so that Alembic's memory and import time are not a recorder's.
"""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.exc import DatabaseError as SQLError
from sqlalchemy.pool import StaticPool

from execdb.store.database import Database, revision_of
from execdb.store.errors import DatabaseError
from execdb.store.layout import APPLICATION_ID, REVISION
from execdb.store.sentences import told


def upgrade(database: Database) -> None:
    """Migrates inside one write transaction: another process sees the old or the new."""
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
            raise told(database.path, str(error.orig)) from error
        writing.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def main() -> None:
    try:
        with Database(Path(sys.argv[1]), create=True) as database:
            upgrade(database)
    except DatabaseError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
