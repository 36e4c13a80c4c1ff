"""The config table: its limits, its generations, and who notices a change."""

import sqlite3
from pathlib import Path

import pytest

from execdb.store.config.table import ConfigTable
from execdb.store.errors import ExecdbError, UsageError
from execdb.store.file.database import Database, open_database
from tests.conftest import an_exec, recorded


@pytest.fixture
def table(database: Database) -> ConfigTable:
    return ConfigTable(database)


def test_it_begins_with_the_books_default(table: ConfigTable) -> None:
    config = table.read()
    assert (config.default, config.entries) == ("Hello World", {})
    assert config.generation > config.in_kernel


def test_entries_come_and_go(table: ConfigTable) -> None:
    table.set(501, "Hi user 501!")
    table.set(0, "Hey root!")
    table.set(501, "changed")
    assert table.read().entries == {0: "Hey root!", 501: "changed"}
    table.unset(501)
    assert table.read().entries == {0: "Hey root!"}


@pytest.mark.parametrize("message", ["", "Hi user 501!", "éééééé", "日本語日", "🦀🦀🦀", "[red]"])
def test_twelve_bytes_fit(table: ConfigTable, message: str) -> None:
    table.set(0, message)
    assert table.read().entries[0] == message
    table.set_default(message)
    assert table.read().default == message


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("Hi user 5012!", "12 bytes"),
        ("ééééééx", "12 bytes"),
        ("日本語日本", "12 bytes"),
        *((f"a{char}", "control") for char in "\0\t\n\r\x1b\x7f\x80\x9b\x9f"),
        ("a\udcff", "UTF-8"),
        ("\ud800", "UTF-8"),
    ],
)
def test_a_message_that_does_not_fit_changes_nothing(
    table: ConfigTable, message: str, why: str
) -> None:
    before = table.read()
    with pytest.raises(UsageError, match=why):
        table.set(0, message)
    with pytest.raises(UsageError, match=why):
        table.set_default(message)
    assert table.read() == before


@pytest.mark.parametrize("uid", [0, 4_294_967_294])
def test_the_first_and_the_last_uid(table: ConfigTable, uid: int) -> None:
    table.set(uid, "x")
    assert table.read().entries == {uid: "x"}


@pytest.mark.parametrize("uid", [-1, 4_294_967_295, 1 << 64])
def test_a_uid_that_is_none(table: ConfigTable, uid: int) -> None:
    before = table.read()
    with pytest.raises(UsageError, match=r"0\.\.4294967294"):
        table.set(uid, "x")
    with pytest.raises(UsageError, match=r"0\.\.4294967294"):
        table.unset(uid)
    assert table.read() == before


def test_a_full_map_takes_changes_but_no_more_entries(
    database: Database, table: ConfigTable
) -> None:
    with database.writing() as connection:
        rows = [(uid, "x") for uid in range(10_240)]
        connection.executemany("INSERT INTO config VALUES (?, ?)", rows)
    with pytest.raises(ExecdbError, match="10240"):
        table.set(10_240, "x")
    table.set(23, "changed")
    table.unset(7)
    table.set(10_240, "x")
    assert len(table.read().entries) == 10_240


def test_each_change_is_a_generation(table: ConfigTable) -> None:
    start = table.read().generation
    assert table.set(0, "a") == start + 1
    assert table.set_default("b") == start + 2
    assert table.unset(0) == start + 3
    assert table.read().generation == start + 3


def test_a_change_that_changes_nothing_is_none(table: ConfigTable) -> None:
    generation = table.set(0, "a")
    assert table.set(0, "a") == generation
    assert table.set_default("Hello World") == generation
    assert table.unset(7) is None
    assert table.read().generation == generation


def test_a_confirmed_generation_is_seen_by_all(db: Path, table: ConfigTable) -> None:
    generation = table.set(0, "a")
    with open_database(db) as other:
        ConfigTable(other).confirm(generation)
    assert table.read().in_kernel == table.in_kernel() == generation


def test_the_collector_notices_the_changes_of_others_only(db: Path, table: ConfigTable) -> None:
    assert table.changed()  # the first time there is everything to learn
    assert not table.changed()
    table.confirm(1)
    assert not table.changed()
    with open_database(db) as other:
        ConfigTable(other).set(0, "a")
        assert table.changed()
        assert not table.changed()
        assert table.read().entries == {0: "a"}


def test_recording_is_not_a_change_of_the_config(database: Database, table: ConfigTable) -> None:
    table.changed()
    recorded(database, [an_exec()])
    assert not table.changed()


# Rows that others wrote.

BAD = {
    "too long": ("INSERT INTO config VALUES (5, 'thirteen byte')", "at most 12 bytes"),
    "very long": ("INSERT INTO config VALUES (5, hex(zeroblob(100003)))", "at most 12 bytes"),
    "bytes": ("INSERT INTO config VALUES (5, x'ff')", "this is blob"),
    "many bytes": ("INSERT INTO config VALUES (5, zeroblob(17000023))", "at most 12 bytes"),
    "not UTF-8": ("INSERT INTO config VALUES (5, CAST(x'ff' AS TEXT))", "UTF-8"),
    "a control character": ("INSERT INTO config VALUES (5, char(27))", "control"),
    "a NUL": ("INSERT INTO config VALUES (5, 'a' || char(0))", "control"),
}
RIGHT = "INSERT INTO config VALUES (0, 'zero'), (7, 'seven')"


@pytest.mark.parametrize("kind", BAD)
def test_a_row_that_is_bad_costs_only_itself(
    database: Database, table: ConfigTable, kind: str
) -> None:
    sql, why = BAD[kind]
    with database.writing() as connection:
        connection.execute(RIGHT)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1 << 25)
        connection.execute(sql)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 16 << 20)
    config = table.read()
    assert config.entries == {0: "zero", 7: "seven"}
    (refused,) = config.refused
    assert refused.uid == 5
    assert str(refused).startswith("uid 5: ")
    assert why in str(refused)
    table.set(5, "good")
    assert table.read().refused == ()
    assert table.read().entries == {0: "zero", 5: "good", 7: "seven"}


def test_a_number_as_a_message_is_its_digits(database: Database, table: ConfigTable) -> None:
    with database.writing() as connection:
        connection.execute("INSERT INTO config VALUES (5, 23)")
    assert table.read().entries == {5: "23"}


@pytest.mark.parametrize("uid", [-(2**63), -1, 4_294_967_295, 2**63 - 1])
def test_a_row_of_a_uid_that_is_none(database: Database, table: ConfigTable, uid: int) -> None:
    with database.writing() as connection:
        connection.execute(RIGHT)
        connection.execute("INSERT INTO config VALUES (?, 'x')", (uid,))
    config = table.read()
    assert config.entries == {0: "zero", 7: "seven"}
    assert [str(each) for each in config.refused] == [f"uid {uid}: a uid is one of 0..4294967294"]


def test_more_rows_than_the_map_has_room_for(database: Database, table: ConfigTable) -> None:
    with database.writing() as connection:
        rows = [(uid, "x") for uid in range(10_253)]
        connection.executemany("INSERT INTO config VALUES (?, ?)", rows)
        connection.execute("UPDATE config SET message = zeroblob(100003) WHERE uid = 23")
    config = table.read()
    assert len(config.entries) == 10_239
    assert max(config.entries) == 10_239
    bad, beyond = map(str, config.refused)
    assert bad.startswith("uid 23: ")
    assert beyond == "the entries from uid 10240 on: the kernel's map has room for 10240"


STATES = {
    "no state": "DELETE FROM config_state",
    "a long default": "UPDATE config_state SET default_message = 'thirteen byte'",
    "a very long default": "UPDATE config_state SET default_message = hex(zeroblob(100003))",
    "bytes as the default": "UPDATE config_state SET default_message = x'ff'",
}
NUMBERS = {
    "text": "'x'",
    "bytes": "x'ff'",
    "text that is not UTF-8": "CAST(x'ff' AS TEXT)",
    "the greatest": str(2**63 - 1),
    "the least": str(-(2**63)),
}


@pytest.mark.parametrize("kind", STATES)
def test_a_state_that_is_bad(database: Database, table: ConfigTable, kind: str) -> None:
    with database.writing() as connection:
        connection.execute(RIGHT)
        connection.execute(STATES[kind])
    config = table.read()
    assert (config.default, config.entries) == (None, {0: "zero", 7: "seven"})
    (refused,) = config.refused
    assert str(refused).startswith("the default message: ")
    generation = table.set_default("good")
    config = table.read()
    assert (config.default, config.refused, config.generation) == ("good", (), generation)


@pytest.mark.parametrize("column", ["generation", "kernel_generation"])
@pytest.mark.parametrize("kind", NUMBERS)
def test_a_generation_that_is_none(
    database: Database, table: ConfigTable, kind: str, column: str
) -> None:
    """The next change puts it right; none that went before is taken for it."""
    with database.writing() as connection:
        connection.execute(RIGHT)
        connection.execute(f"UPDATE config_state SET {column} = {NUMBERS[kind]}")
    assert table.read().entries == {0: "zero", 7: "seven"}
    assert table.in_kernel() == table.read().in_kernel
    assert table.read().refused == ()
    generation = table.set(5, "x")
    if (kind, column) != ("the greatest", "kernel_generation"):
        assert table.read().in_kernel < generation == table.read().generation
    table.confirm(generation)
    assert table.read().in_kernel == table.in_kernel() == generation
    assert table.set(5, "x") == generation
