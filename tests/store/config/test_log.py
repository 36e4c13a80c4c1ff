"""The log of the config: a row for each change, by whom, and what a generation consisted of."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.config import log
from execdb.store.config.limit_table import LimitTable
from execdb.store.config.log import Who, logged_state, oldest_generation, read_log
from execdb.store.config.rule import Action
from execdb.store.config.rule_table import RuleTable
from execdb.store.config.table import ConfigTable
from execdb.store.file.database import Database
from execdb.store.terms.term import Term

ALICE = Who(0, 1000, "pts/3")
SECOND = 10**9


def by_sql(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(sql)


def rows(database: Database) -> list[tuple[object, ...]]:
    """Generation, action, subject, before, after."""
    with database.reading() as connection:
        return [(each.generation, *each[5:]) for each in read_log(connection, 0)]


def test_each_change_is_a_row_with_who_and_when(database: Database) -> None:
    table = ConfigTable(database, ALICE, lambda: 7 * SECOND)
    table.set(501, "one")
    table.set(501, "two")
    table.set(501, "two")
    table.set_default("Moin")
    table.unset(501)
    assert rows(database) == [
        (2, "set", "uid 501", None, "one"),
        (3, "set", "uid 501", "one", "two"),
        (4, "default", "default", "Hello World", "Moin"),
        (5, "unset", "uid 501", "two", None),
    ]
    with database.reading() as connection:
        assert {each[1:5] for each in read_log(connection, 0)} == {(7 * SECOND, *ALICE)}
        found = connection.execute("SELECT DISTINCT time FROM config_log").fetchall()
    assert found == [("1970-01-01T00:00:07.000000000Z",)]


def test_rules_and_limits_are_logged(database: Database) -> None:
    rules = RuleTable(database, ALICE)
    rules.add(Action.IGNORE, [Term("comm", ("sed",))], "noise", None)
    rules.add(Action.RECORD, [Term("uid", (0,))], None, 1)
    rules.remove(1)
    LimitTable(database, ALICE).set(501, {"execs": 10})
    assert rows(database) == [
        (2, "ignore", "rule 1", None, "ignore comm=sed # noise"),
        (3, "record", "rule 2", None, "record uid=0"),
        (3, "record", "order", None, "2 1"),
        (4, "remove", "rule 1", "ignore comm=sed # noise", None),
        (4, "remove", "order", "2 1", None),
        (5, "limit", "limit 501", None, "execs=10"),
    ]


def test_what_plain_sql_changed_is_found_by_the_next_change(database: Database) -> None:
    by_sql(database.path, "INSERT INTO config VALUES (5, 'by sql')")
    ConfigTable(database, ALICE).set(7, "seven")
    assert rows(database) == [
        (2, "found", "uid 5", None, "by sql"),
        (3, "set", "uid 7", None, "seven"),
    ]
    with database.reading() as connection:
        assert [each[2:5] for each in read_log(connection, 0)] == [(None, None, None), ALICE]


def test_who_follows_the_config_logs_what_plain_sql_changed(database: Database) -> None:
    table = ConfigTable(database)
    assert table.follow().generation == 1
    by_sql(database.path, "INSERT INTO config VALUES (5, 'by sql')")
    assert table.changed()
    config = table.follow()
    assert (config.generation, config.entries) == (2, {5: "by sql"})
    by_sql(database.path, "DELETE FROM config; UPDATE config_state SET default_message = x'ff'")
    assert table.follow().generation == 3
    assert rows(database) == [
        (2, "found", "uid 5", None, "by sql"),
        (3, "found", "default", "Hello World", None),
        (3, "found", "uid 5", "by sql", None),
    ]


def test_following_a_change_that_cannot_be_logged_yet(database: Database) -> None:
    table = ConfigTable(database)
    table.follow()
    by_sql(database.path, "INSERT INTO config VALUES (5, 'by sql')")
    database.wait_for_lock(0)
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert table.follow().entries == {5: "by sql"}
        other.execute("ROLLBACK")
    assert table.changed()
    assert table.follow().generation == 2
    table.changed()
    assert not table.changed()


def test_what_cannot_be_in_the_kernel_is_said_to_be_so(database: Database) -> None:
    by_sql(database.path, "INSERT INTO config VALUES (5, x'ff')")
    ConfigTable(database).set(5, "good")
    assert rows(database)[1] == (3, "set", "uid 5", log.UNUSABLE, "good")


def test_a_generation_can_be_told(database: Database) -> None:
    table = ConfigTable(database)
    generations = [table.set(501, f"message {number}") for number in range(7)]
    with database.reading() as connection:
        for number, generation in enumerate(generations):
            assert logged_state(connection, generation)["uid 501"] == f"message {number}"
        assert logged_state(connection, 1) == log.FIRST


def test_a_long_log_forgets_the_oldest(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "ROWS_MAX", 7)
    table = ConfigTable(database)
    table.set(1, "stays")
    table.set(2, "goes")
    table.unset(2)
    generations = [table.set(501, f"message {number}") for number in range(23)]
    with database.reading() as connection:
        oldest = oldest_generation(connection)
        assert 1 < oldest < generations[-7]
        for number, generation in enumerate(generations):
            if generation >= oldest:
                state = logged_state(connection, generation)
                assert state == log.FIRST | {"uid 1": "stays", "uid 501": f"message {number}"}
        assert connection.execute("SELECT count(*) FROM config_log").fetchone()[0] <= 16
    assert rows(database)[-1] == (27, "set", "uid 501", "message 21", "message 22")


BAD_LOGS = {
    "types": "INSERT INTO config_change VALUES (1, x'ff', 'x', 'x', 'x', 7, x'ff', x'ff', 7, 7)",
    "not UTF-8": "INSERT INTO config_change VALUES (1, 2, 3, 0, 0, CAST(x'ff' AS TEXT),"
    " CAST(x'ff' AS TEXT), CAST(x'ff' AS TEXT), CAST(x'ff' AS TEXT), CAST(x'ff' AS TEXT))",
    "long": "INSERT INTO config_change VALUES"
    " (1, 2, 3, 0, 0, 'x', 'x', 'x', 'x', hex(zeroblob(100003)))",
    "logged_from": "UPDATE config_state SET logged_from = 'x'",
}


@pytest.mark.parametrize("kind", BAD_LOGS)
def test_a_log_that_is_bad_keeps_nobody_from_changing_the_config(
    database: Database, kind: str
) -> None:
    by_sql(database.path, BAD_LOGS[kind])
    table = ConfigTable(database)
    table.set(5, "five")
    assert table.follow().entries == {5: "five"}
    with database.reading() as connection:
        assert oldest_generation(connection) == 1
