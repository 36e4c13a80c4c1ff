"""A bound on size takes long arguments before rows, and this is recorded."""

import pytest

from execdb.store.file.database import Database
from execdb.store.ledger.trimmed import read_trims
from execdb.store.limits.file_size import size_of
from execdb.store.limits.long_arguments import KEPT, LONG, Cutter
from execdb.store.limits.unused_entries import sweep
from tests.conftest import START_NS, counts, recorded
from tests.store.limits.histories import (
    ALICE,
    BOB,
    SMALL,
    events,
    of,
    orphans,
    pruned,
    record,
    value_of,
)


def cut_all(database: Database) -> int:
    """Cuts everything that is long; returns of how many events."""
    cutter, events = Cutter(), 0
    while True:
        with database.writing() as connection:
            cut = cutter.step(connection)
            if cut is None:
                return events
            events += cut[0]
            for first, last in cut[1]:
                sweep(connection, first, last)


def test_long_arguments_are_cut_and_marked_before_any_row_is_removed(database: Database) -> None:
    short = [of(ALICE, n, "alice", str(n)) for n in range(211)]
    long = [of(BOB, 300 + n, "bob", str(n).ljust(48_000, "b"), "c") for n in range(101)]
    record(database, [*short, *long], each=23)
    before = events(database)
    assert pruned(database, SMALL, START_NS) == 0
    after = events(database)
    assert [event.id for event in after] == [event.id for event in before]
    assert after[:211] == before[:211]
    cut_ones = [event for event in after if event.truncated]
    assert cut_ones == after[211 : 211 + len(cut_ones)]  # the oldest first
    assert 0 < len(cut_ones) < 101
    for event in cut_ones:
        assert event.argc == 3
        assert event.argv == ("bob", str(event.pid - 1_300).ljust(251, "b"))
    assert after[211 + len(cut_ones) :] == before[211 + len(cut_ones) :]
    assert size_of(database).total - size_of(database).free <= SMALL.max_bytes
    assert orphans(database) == {}
    (trim,) = read_trims(database)
    assert trim.what == "arguments"
    assert (trim.uid, trim.events) == (BOB, len(cut_ones))
    assert (trim.from_ns, trim.to_ns) == (cut_ones[0].time_ns, cut_ones[-1].time_ns)
    assert value_of(database, "PRAGMA integrity_check") == "ok"


def test_many_short_arguments_together_are_long(database: Database) -> None:
    many = [of(BOB, n, *(f"{n}-{i}" for i in range(1_009))) for n in range(7)]
    shared = "s" * 1_000
    record(database, [*many, of(BOB, 8, shared, shared), of(ALICE, 9, shared)])
    assert cut_all(database) == 8
    found = events(database)
    for event in found[:7]:
        assert event.argc == 1_009
        assert event.truncated
        whole = [f"{event.pid - 1_000}-{i}" for i in range(1_009)]
        assert [*event.argv[:-1]] == whole[: len(event.argv) - 1]
        assert whole[len(event.argv) - 1].startswith(event.argv[-1])
        assert 250 <= sum(len(argument) + 1 for argument in event.argv) <= 257
    assert found[7].argv == (shared[:255],)
    assert (found[8].argv, found[8].truncated) == ((shared,), False)
    assert orphans(database) == {}
    assert cut_all(database) == 0
    assert events(database) == found  # what was cut stays as it is


@pytest.mark.parametrize(
    "text", ["é" * 2_000, "\udcff" * 2_000, "x" + "\U0001f300" * 999, "\x01" * 999]
)
def test_a_cut_keeps_whole_characters(database: Database, text: str) -> None:
    record(database, [of(BOB, 1, "x", text)])
    assert cut_all(database) == 1
    event = events(database)[0]
    assert event.truncated
    assert text.startswith(event.argv[1])
    assert 248 < len(event.argv[1].encode("utf-8", "surrogateescape")) <= 254


def test_an_equal_long_argument_later_is_whole(database: Database) -> None:
    long = "b" * 48_000
    record(database, [of(BOB, n, "bob", str(n), long + str(n)) for n in range(101)], each=23)
    recording = recorded(database, [of(BOB, 999_984, "bob", "0", long + "0")])
    pruned(database, SMALL, START_NS)
    assert events(database)[0].truncated
    recording.write([of(BOB, 999_985, "bob", "0", long + "0")], [], counts(2))
    for event in events(database)[-2:]:
        assert (event.argv, event.truncated) == (("bob", "0", long + "0"), False)


def test_what_is_left_of_a_long_command_is_not_long() -> None:
    assert KEPT < LONG
