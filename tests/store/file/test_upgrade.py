"""Databases of other revisions: upgraded after a check, or refused in a line."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from execdb.migrations import versions
from execdb.store.config.limit import DEFAULT
from execdb.store.config.table import ConfigTable
from execdb.store.errors import DatabaseError
from execdb.store.file.create import make
from execdb.store.file.database import open_database
from execdb.store.file.upgrade import opened_for_upgrade
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.schema import definition
from tests.conftest import an_exec, recorded, schema_of, upgraded
from tests.store.schema.next_revision import NEXT, NOW


def changed(path: Path, sql: str) -> Path:
    """Runs SQL on a file, as any program may."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)
    return path


def values(path: Path, sql: str) -> list[object]:
    with closing(sqlite3.connect(path)) as connection:
        return [value for (value,) in connection.execute(sql)]


def test_an_older_database_keeps_all_it_holds(older: Path) -> None:
    upgraded(older)
    assert schema_of(older) == definition.sql_by_name()
    assert values(older, "SELECT text FROM note") == ["about Hi user 501!"]
    with open_database(older) as database:
        (event,) = History(database).events(Filter())
        assert (event.host, event.pid, event.argv) == ("workshop", 1_000, ("true",))
        assert ConfigTable(database).read().entries == {501: "Hi user 501!"}
        recorded(database, [an_exec(1)])
    assert values(older, "SELECT host FROM runs") == ["workshop", "workshop"]
    assert values(older, "SELECT * FROM pragma_foreign_key_check") == []


def test_it_is_upgraded_once(older: Path) -> None:
    with opened_for_upgrade(older) as (database, found):
        upgraded(older)
        assert found == NOW
        before = values(older, "PRAGMA schema_version")
        from execdb.store.file.upgrade import upgrade

        upgrade(database)
    assert values(older, "PRAGMA schema_version") == before
    assert values(older, "SELECT version_num FROM alembic_version") == [NEXT]


FORGED = {
    "a trigger": "CREATE TRIGGER t AFTER UPDATE ON config BEGIN DELETE FROM config; END;",
    "a view for a table": "DROP TABLE config; CREATE VIEW config AS SELECT 1 AS uid, 2 AS message;",
    "a table of the next revision": "CREATE TABLE note (id INTEGER NOT NULL PRIMARY KEY, text);"
    "ALTER TABLE config ADD COLUMN note_id INTEGER;",
}


@pytest.mark.parametrize("sql", FORGED.values(), ids=list(FORGED))
def test_its_schema_is_checked_before_it_is_migrated(older: Path, sql: str) -> None:
    before = changed(older, sql).read_bytes()
    with pytest.raises(DatabaseError, match=f"{older} is not to be trusted") as caught:
        upgraded(older)
    assert "\n" not in str(caught.value)
    with pytest.raises(DatabaseError, match="execdb upgrade"):
        open_database(older)
    assert older.read_bytes() == before


def test_its_schema_is_checked_again_within_the_transaction(older: Path) -> None:
    from execdb.store.file.upgrade import upgrade

    with opened_for_upgrade(older) as (database, _):
        changed(older, FORGED["a trigger"])
        with pytest.raises(DatabaseError, match="trigger t on config"):
            upgrade(database)
    changed(older, "DROP TRIGGER t;")
    upgraded(older)
    assert schema_of(older) == definition.sql_by_name()


def test_a_revision_that_no_migration_makes(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definition, "REVISION", "0042")
    changed(older, "UPDATE alembic_version SET version_num = '0041';")
    with pytest.raises(DatabaseError, match="not a complete execdb database"):
        upgraded(older)


def test_a_newer_database_is_refused(db: Path) -> None:
    changed(db, f"UPDATE alembic_version SET version_num = '{NEXT}'; CREATE TABLE news (x);")
    for opened in (open_database, upgraded):
        with pytest.raises(DatabaseError, match="newer execdb"):
            opened(db)


@pytest.mark.parametrize("revision", [f"{number:04}" for number in range(1, 7)])
def test_a_database_of_an_unreleased_version_is_refused(own_database: Path, revision: str) -> None:
    make(own_database)
    changed(
        own_database,
        f"UPDATE alembic_version SET version_num = '{revision}'; DROP VIEW images; DROP TABLE run;"
        "CREATE TABLE creds (id INTEGER NOT NULL, PRIMARY KEY (id));",
    )
    before = own_database.read_bytes()
    for opened in (open_database, upgraded, lambda path: open_database(path, create=True)):
        with pytest.raises(DatabaseError) as caught:
            opened(own_database)
        text = str(caught.value)
        assert text.startswith(f"{own_database} was made by an unreleased version of execdb")
        assert "execdb query --format ndjson" in text
        assert "execdb import" in text
        assert "\n" not in text
    assert own_database.read_bytes() == before


def test_a_database_without_rules_gets_them(
    own_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        folder = Path(versions.__path__[0])
        patch.setattr(definition, "SCHEMA_FILE", folder / "0007_baseline.sql")
        patch.setattr(definition, "REVISION", "0007")
        make(own_database)
    changed(
        own_database,
        "INSERT INTO config VALUES (501, 'Hi user 501!');"
        "UPDATE config_state SET default_message = 'Moin', generation = 7;",
    )
    upgraded(own_database)
    assert schema_of(own_database) == definition.sql_by_name()
    with open_database(own_database) as database:
        config = ConfigTable(database).read()
    assert (config.entries, config.default) == ({501: "Hi user 501!"}, "Moin")
    assert (config.generation, config.rules, config.limits) == (7, [], {})
    assert config.default_limit == DEFAULT
