"""Databases whose schema is not ours: refused before anything in it can run."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database, open_database
from execdb.store.file.sql import scalar
from tests.conftest import an_exec, recorded

Forge = Callable[[str], None]


@pytest.fixture
def forge(db: Path) -> Forge:
    """Runs SQL on a database that has an event and a config entry, as its maker could."""
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


def renamed(sql: str, column: str, value: str, name: str = "t") -> str:
    """SQL that makes an object of the schema, then changes what SQLite has noted of it."""
    return (
        f"{sql} PRAGMA writable_schema = ON;"
        f"UPDATE sqlite_schema SET {column} = {value} WHERE name = '{name}';"
        "PRAGMA writable_schema = RESET;"
    )


TRIGGER = "CREATE TRIGGER t AFTER INSERT ON image BEGIN DELETE FROM image WHERE id = new.id; END;"


def instead_of(table: str, body: str) -> str:
    return f"DROP TABLE {table}; CREATE VIEW {table} AS {body};"


# Would take half a minute before it gave a row.
LONG = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000)"
    " SELECT max(i) AS id, max(i) AS version_num FROM n"
)
FORGED = {
    "a view instead of the revision": instead_of("alembic_version", LONG),
    "a view instead of a table": instead_of("config_state", LONG),
    "a virtual table instead of a table": "DROP TABLE config; CREATE VIRTUAL TABLE config USING"
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
    "an index with the name of ours": "DROP INDEX image_time; CREATE INDEX image_time ON image"
    " (abs(time_ns));",
    "an index of ours on another table": "DROP INDEX image_time; CREATE INDEX image_time ON config"
    " (abs(uid));",
    "an index of some rows": "CREATE INDEX i ON config (uid)WHERE length(message) > 3;",
    "another view": "DROP VIEW execs; CREATE VIEW execs AS SELECT 1 AS id;",
    "a table missing": "DROP TABLE config;",
    "no revision": "DELETE FROM alembic_version;",
    "a revision that never was": "UPDATE alembic_version SET version_num = '0000';",
    "a number for a revision": "PRAGMA writable_schema = ON; UPDATE alembic_version SET"
    " version_num = 2;",
    "bytes for a revision": "UPDATE alembic_version SET version_num = x'30303032';",
    "a huge revision": "UPDATE alembic_version SET version_num = hex(zeroblob(1000003));",
    "a trigger with a name of SQLite's": renamed(
        TRIGGER, "(name, sql)", "('sqlite_t', replace(sql, 'TRIGGER t', 'TRIGGER sqlite_t'))"
    ),
    "a trigger with the name of statistics": renamed(
        TRIGGER,
        "(name, sql)",
        "('sqlite_stat1', replace(sql, 'TRIGGER t', 'TRIGGER sqlite_stat1'))",
    ),
    "a trigger with the name of an index of SQLite's": renamed(
        TRIGGER,
        "(name, sql)",
        "('SQLITE_AutoIndex_t_1', replace(sql, 'TRIGGER t', 'TRIGGER SQLITE_AutoIndex_t_1'))",
    ),
    "an index with the name of one of SQLite's": renamed(
        "CREATE UNIQUE INDEX t ON image (pid);",
        "(name, sql)",
        "('sqlite_autoindex_image_1', replace(sql, 'INDEX t', 'INDEX sqlite_autoindex_image_1'))",
    ),
    "a table with a name of SQLite's": renamed(
        "CREATE TABLE t (x);",
        "(name, tbl_name, sql)",
        "('sqlite_t', 'sqlite_t', 'CREATE TABLE sqlite_t(x)')",
    ),
    "statistics with a column more": "ANALYZE;"
    + renamed(
        "", "sql", "'CREATE TABLE sqlite_stat1(tbl,idx,stat,x AS (abs(tbl)))'", "sqlite_stat1"
    ),
    "a trigger on bytes that name a table": renamed(TRIGGER, "tbl_name", "CAST(tbl_name AS BLOB)"),
    "a trigger on a name that continues after a NUL": renamed(
        TRIGGER, "tbl_name", "tbl_name || char(0) || 'x'"
    ),
    "a trigger that is called a view": renamed(TRIGGER, "type", "'view'"),
    "white space that SQLite takes for a name": rewrite(
        "config", "message TEXT", "message' || char(160) || 'TEXT"
    ),
    "an index that keeps rows out": "CREATE UNIQUE INDEX i ON segment (run_id);",
    "an index in an order that is unknown here": renamed(
        "CREATE INDEX t ON image (pid);", "sql", "replace(sql, 'pid', 'pid COLLATE theirs')"
    ),
    "an index on the pages of a table": "CREATE INDEX i ON image (pid);"
    + renamed("", "rootpage", "(SELECT rootpage FROM sqlite_schema WHERE name = 'config')", "i"),
    "an index on pages that bytes name": "CREATE INDEX i ON image (pid);"
    + renamed(
        "",
        "rootpage",
        "(SELECT CAST(CAST(rootpage AS TEXT) AS BLOB) FROM sqlite_schema WHERE name = 'config')",
        "i",
    ),
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
    "an index of ours gone": "DROP INDEX image_time;",
    "a vacuum": "VACUUM;",
    "a table with numbers of its own": "CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name UNIQUE);",
    "an index in an order of SQLite's": "CREATE INDEX mine ON program (filename COLLATE nocase);",
}


@pytest.mark.parametrize("sql", THEIRS.values(), ids=list(THEIRS))
def test_what_a_user_adds_beside_it_is_theirs(db: Path, forge: Forge, sql: str) -> None:
    forge(sql)
    with open_database(db) as database:
        recorded(database, [an_exec(1)])


@pytest.mark.parametrize("name", ["a trigger", "an index that keeps rows out"])
def test_what_is_added_while_a_writer_is_there_is_refused(
    db: Path, forge: Forge, name: str
) -> None:
    with open_database(db) as database:
        recorded(database, [an_exec(1)])
        forge(FORGED[name])
        with pytest.raises(DatabaseError, match="not to be trusted"):
            recorded(database, [an_exec(2)])
        with database.reading() as connection:
            assert scalar(connection, "SELECT count(*) FROM image") == 2


def test_what_harms_nobody_may_be_added_while_a_writer_is_there(db: Path, forge: Forge) -> None:
    with open_database(db) as database:
        forge(THEIRS["an index"])
        recorded(database, [an_exec(2)])


BODIES = (
    "BEFORE INSERT ON image BEGIN SELECT RAISE(IGNORE); END",
    "AFTER INSERT ON image BEGIN DELETE FROM image WHERE id = new.id; END",
    "AFTER INSERT ON argument BEGIN UPDATE argument SET text = '\"x\"' WHERE id = new.id; END",
)


@pytest.mark.parametrize("body", BODIES)
def test_a_row_that_is_not_stored_as_it_was_given_fails_the_batch(
    database: Database, body: str
) -> None:
    """Whatever keeps it out: here a trigger of the connection's own, which is in no schema."""
    recorded(database, [an_exec(1)])
    database.connection.execute(f"CREATE TEMP TRIGGER t {body.replace(' ON ', ' ON main.')}")
    with pytest.raises(DatabaseError, match="did not store"):
        recorded(database, [an_exec(2, argv=("new",))])
    with database.reading() as connection:
        assert scalar(connection, "SELECT count(*) FROM image") == 1
