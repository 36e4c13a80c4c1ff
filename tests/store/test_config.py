"""The config table: its limits, its generations, and who notices a change."""

from pathlib import Path

import pytest

from execdb.store.config import ConfigTable
from execdb.store.database import Database, open_database
from execdb.store.errors import ExecdbError, UsageError
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
    assert table.read().in_kernel == generation


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
