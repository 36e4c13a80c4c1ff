"""Brings a database file to the newest revision: `python -m execdb.store.upgrade PATH`.

Runs as a process of its own, so that Alembic's memory and import time are not a recorder's.
"""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config

from execdb.store.database import Database, revision_of
from execdb.store.errors import DatabaseError
from execdb.store.schema import APPLICATION_ID, REVISION


def upgrade(database: Database) -> None:
    """Migrates inside one write transaction: another process sees the old or the new."""
    import execdb.migrations as package

    config = Config()
    config.set_main_option("script_location", str(Path(package.__path__[0])).replace("%", "%%"))
    with database.writing() as connection:
        if revision_of(connection) == REVISION:
            return  # another process was faster
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


def main() -> None:
    try:
        with Database(Path(sys.argv[1]), create=True) as database:
            upgrade(database)
    except DatabaseError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
