"""Databases whose schema is not ours: refused before anything in it can run."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store import trusted
from execdb.store.database import open_database
from execdb.store.errors import DatabaseError
from tests.conftest import an_exec, recorded
from tests.store.trusted import migrate, revisions, schema_of, text

Forge = Callable[[str], None]


@pytest.fixture
def forge(db: Path) -> Forge:
    """Runs SQL on a database that has an event and a config entry, as whoever made the file."""
    with open_database(db) as database:
        recorded(database, [an_exec()])

    def run(sql: str) -> None:
        with closing(sqlite3.connect(db)) as connection:
            connection.executescript(f"PRAGMA writable_schema = OFF; {sql}")

    return run


def rewrite(name: str, old: str, new: str) -> str:
    """SQL that changes the text of an object in the schema, as a forger would."""
    return (
        "PRAGMA writable_schema = ON;"
        f"UPDATE sqlite_schema SET sql = replace(sql, '{old}', '{new}') WHERE name = '{name}';"
        "PRAGMA writable_schema = RESET;"
    )


def in_place_of(table: str, body: str) -> str:
    return f"DROP TABLE {table}; CREATE VIEW {table} AS {body};"


# Would take half a minute before it gave a row.
LONG = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000)"
    " SELECT max(i) AS id, max(i) AS version_num FROM n"
)
FORGED = {
    "a view in place of the revision": in_place_of("alembic_version", LONG),
    "a view in place of a table": in_place_of("config_state", LONG),
    "a virtual table in place of one": "DROP TABLE config; CREATE VIRTUAL TABLE config USING"
    " fts5(uid, message);",
    "a column more": "ALTER TABLE config ADD COLUMN more TEXT;",
    "a generated column": "ALTER TABLE config ADD COLUMN more AS (hex(zeroblob(uid)));",
    "a check": rewrite("config", "uid INTEGER NOT NULL", "uid INTEGER NOT NULL CHECK (uid < 7)"),
    "a default": rewrite("config", "message TEXT", "message TEXT DEFAULT (hex(randomblob(9)))"),
    "another type": rewrite("config", "uid INTEGER", "uid BLOB"),
    "another spelling": "ALTER TABLE config RENAME TO c; CREATE TABLE CONFIG AS SELECT * FROM c;",
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON config BEGIN DELETE FROM config; END;",
    "a trigger on a view": "CREATE TRIGGER t INSTEAD OF DELETE ON execs BEGIN SELECT 1; END;",
    "an index of an expression": "CREATE INDEX i ON config (length(message));",
    "an index of some rows": "CREATE INDEX i ON config (uid)WHERE length(message) > 3;",
    "another view": "DROP VIEW execs; CREATE VIEW execs AS SELECT 1 AS id;",
    "a table missing": "DROP TABLE config;",
    "no revision": "DELETE FROM alembic_version;",
    "a revision that never was": "UPDATE alembic_version SET version_num = '0000';",
    "a number for a revision": "PRAGMA writable_schema = ON; UPDATE alembic_version SET"
    " version_num = 2;",
    "bytes for a revision": "UPDATE alembic_version SET version_num = x'30303032';",
    "a huge revision": "UPDATE alembic_version SET version_num = hex(zeroblob(1000003));",
    "names that are not text": "CREATE TABLE x (y); PRAGMA writable_schema = ON;"
    " UPDATE sqlite_schema SET name = x'ff00ff' WHERE name = 'x';",
    "SQL that is none": rewrite("config", "CREATE TABLE", "CREATE NONSENSE"),
}


@pytest.mark.parametrize("sql", FORGED.values(), ids=list(FORGED))
def test_a_forged_schema_is_refused_in_a_line(db: Path, forge: Forge, sql: str) -> None:
    forge(sql)
    before, started_s = db.read_bytes(), time.process_time()
    for create in (False, True):
        with pytest.raises(DatabaseError) as caught:
            open_database(db, create=create).close()
        sentence = str(caught.value)
        assert sentence.startswith(str(db))
        assert "\n" not in sentence
        assert len(sentence) < 400
    assert time.process_time() - started_s < 5
    assert db.read_bytes() == before


THEIRS = {
    "a table": "CREATE TABLE notes (id INTEGER PRIMARY KEY, execs_id, text);",
    "a trigger on it": "CREATE TABLE notes (id);"
    "CREATE TRIGGER t AFTER INSERT ON notes BEGIN DELETE FROM notes; END;",
    "a view": "CREATE VIEW mine AS SELECT pid, comm FROM execs;",
    "an index": "CREATE INDEX mine ON config (message, uid);",
    "statistics": "ANALYZE;",
    "a search index": "CREATE VIRTUAL TABLE found USING fts5(text);",
    "a view of ours gone": "DROP VIEW seen;",
    "a vacuum": "VACUUM;",
}


@pytest.mark.parametrize("sql", THEIRS.values(), ids=list(THEIRS))
def test_what_a_user_adds_beside_it_is_theirs(db: Path, forge: Forge, sql: str) -> None:
    forge(sql)
    with open_database(db) as database:
        recorded(database, [an_exec(1)])


def test_the_schema_of_a_new_database_is_the_one_that_is_trusted(template: Path) -> None:
    assert trusted.SCHEMAS[max(trusted.SCHEMAS)] == schema_of(template)


def test_every_revision_is_known_as_its_migration_makes_it() -> None:
    """If this fails: python -m tests.store.trusted"""
    assert Path(trusted.__file__).read_text() == text()


@pytest.mark.parametrize("revision", revisions()[:-1])
def test_an_older_database_is_looked_at_before_it_is_migrated(
    own_database: Path, revision: str
) -> None:
    migrate(own_database, revision)
    with closing(sqlite3.connect(own_database)) as connection:
        connection.executescript(
            f"PRAGMA application_id = {0x45584442};"
            "CREATE TRIGGER t AFTER UPDATE ON run BEGIN DELETE FROM run; END;"
        )
    with pytest.raises(DatabaseError, match="trigger t on run"):
        open_database(own_database)
    with closing(sqlite3.connect(own_database)) as connection:
        connection.execute("DROP TRIGGER t")
    open_database(own_database).close()
    assert schema_of(own_database) == trusted.SCHEMAS[max(trusted.SCHEMAS)]
