"""Databases of older revisions that hold something: after an upgrade it reads the same."""

import sqlite3
from contextlib import closing
from pathlib import Path

from execdb.store.file.database import open_database
from execdb.store.file.upgrade import _alembic
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.schema import definition
from execdb.store.schema.constants import APPLICATION_ID
from tests.conftest import schema_of, upgraded

ROW_OF_0007 = """
INSERT INTO run (id, kind, host, boot_id, started_ns) VALUES (1, 'collect', 'workshop', 'boot', 7);
INSERT INTO origin VALUES (1, 501, 501, 501, NULL, NULL, 'pts/3', 'Hi user 501!', '/', '/');
INSERT INTO program VALUES (2, '/usr/bin/true', 'true');
INSERT INTO argument VALUES (3, '"true"');
INSERT INTO command VALUES (4, 2, '[3]', 1, 0);
INSERT INTO image VALUES (1, 1000, 23, 5, 501, 1, 2, 4, NULL, 0, 11, NULL, NULL);
INSERT INTO segment VALUES (1, 1, 1, 100, 900, 900, 1, 4);
INSERT INTO config VALUES (501, 'Hi user 501!');
"""


def made(path: Path, revision: str, rows: str) -> Path:
    """A database of an older revision with these rows."""
    from alembic import command

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with _alembic(connection) as config:
            command.upgrade(config, revision)
        connection.executescript(rows)
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    return path


def test_events_of_0007_do_not_know_their_generation(own_database: Path) -> None:
    upgraded(made(own_database, "0007", ROW_OF_0007))
    assert schema_of(own_database) == definition.sql_by_name()
    with open_database(own_database) as database:
        (event,) = History(database).events(Filter())
    assert (event.pid, event.message, event.argv) == (23, "Hi user 501!", ("true",))
    assert (event.exit_code, event.duration_ns, event.config_generation) == (0, 11, 0)
