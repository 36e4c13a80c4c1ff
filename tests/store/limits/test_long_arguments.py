"""A bound on size takes long arguments before rows, and rows of whoever fills the file before those
of others; and both is said."""

import json

import pytest

from execdb.store.event import Event, Exec
from execdb.store.file.database import Database
from execdb.store.ledger.coverage import Kind
from execdb.store.ledger.periods import periods
from execdb.store.ledger.read_coverage import read_coverage
from execdb.store.ledger.trimmed import read_trims
from execdb.store.limits import crowding, long_arguments, retention
from execdb.store.limits.bounds import Bounds
from execdb.store.limits.excess import Excess
from execdb.store.limits.file_size import size_of
from execdb.store.limits.retention import Retention
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import MACHINE, START_NS, an_exec, counts, recorded, some_creds
from tests.store.limits.test_retention import orphans, pruned, value_of

LIMIT = Bounds(max_bytes=10_000_000)
ALICE, BOB = 1_009, 1_013


def of(uid: int, number: int, *argv: str) -> Exec:
    return an_exec(number, argv=argv, creds=some_creds()._replace(uid=uid))


def events(database: Database) -> list[Event]:
    return list(History(database).events(Filter()))


def record(database: Database, execs: list[Exec], each: int = 997) -> None:
    """In batches, and closed by a last life, so that no dictionary is in use."""
    recording = recorded(database, [])
    for first in range(0, len(execs), each):
        recording.write(execs[first : first + each], [], counts(first + each))
    recording.finish(START_NS, counts(len(execs)))
    recorded(database, [an_exec(999_983)])


def test_long_arguments_go_before_any_row_and_are_marked(database: Database) -> None:
    short = [of(ALICE, n, "alice", str(n)) for n in range(211)]
    long = [of(BOB, 300 + n, "bob", str(n).ljust(48_000, "b"), "c") for n in range(211)]
    record(database, [*short, *long], each=23)
    before = events(database)
    assert pruned(database, LIMIT, START_NS) == 0
    after = events(database)
    assert [event.id for event in after] == [event.id for event in before]
    assert after[:211] == before[:211]
    cut_ones = [event for event in after if event.truncated]
    assert cut_ones == after[211 : 211 + len(cut_ones)]  # the oldest first
    assert 0 < len(cut_ones) < 211
    for event in cut_ones:
        assert event.argc == 3
        assert event.argv == ("bob", str(event.pid - 1_300).ljust(251, "b"))
    assert after[211 + len(cut_ones) :] == before[211 + len(cut_ones) :]
    assert size_of(database).total - size_of(database).free <= LIMIT.max_bytes
    assert orphans(database) == {}
    (trim,) = read_trims(database)
    assert trim.what == "arguments"
    assert (trim.uid, trim.events) == (BOB, len(cut_ones))
    assert (trim.from_ns, trim.to_ns) == (cut_ones[0].time_ns, cut_ones[-1].time_ns)
    assert value_of(database, "PRAGMA integrity_check") == "ok"


def test_many_short_arguments_together_are_long(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [of(BOB, n, *(f"{n}-{i}" for i in range(1_009))) for n in range(7)]
    shared = "s" * 1_000
    record(database, [*many, of(BOB, 8, shared, shared), of(ALICE, 9, shared)])
    monkeypatch.setattr(Retention, "_look", lambda self, _: setattr(self, "excess", Excess.SOME))
    for name in ("_remove_crowd", "_remove_oldest"):
        monkeypatch.setattr(Retention, name, lambda self, connection: None)
    assert pruned(database, LIMIT, START_NS) == 0
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
    assert pruned(database, LIMIT, START_NS) == 0
    assert events(database) == found  # what was cut stays as it is


@pytest.mark.parametrize(
    "text", ["é" * 2_000, "\udcff" * 2_000, "x" + "\U0001f300" * 999, "\x01" * 999]
)
def test_a_cut_keeps_whole_characters(
    database: Database, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(database, [of(BOB, 1, "x", text)])
    monkeypatch.setattr(Retention, "_look", lambda self, _: setattr(self, "excess", Excess.SOME))
    for name in ("_remove_crowd", "_remove_oldest"):
        monkeypatch.setattr(Retention, name, lambda self, connection: None)
    pruned(database, LIMIT, START_NS)
    event = events(database)[0]
    assert event.truncated
    assert text.startswith(event.argv[1])
    assert 248 < len(event.argv[1].encode("utf-8", "surrogateescape")) <= 254


def test_an_equal_long_argument_later_is_whole(database: Database) -> None:
    long = "b" * 48_000
    record(database, [of(BOB, n, "bob", str(n), long + str(n)) for n in range(211)], each=23)
    recording = recorded(database, [of(BOB, 999_984, "bob", "0", long + "0")])
    pruned(database, LIMIT, START_NS)
    assert events(database)[0].truncated
    recording.write([of(BOB, 999_985, "bob", "0", long + "0")], [], counts(2))
    for event in events(database)[-2:]:
        assert (event.argv, event.truncated) == (("bob", "0", long + "0"), False)


def flood(database: Database, total: int) -> list[Exec]:
    """Alice's few, then Bob's many, with one of Alice's now and then."""
    old = [of(ALICE, n, "old", str(n)) for n in range(211)]
    new = [
        of(*((ALICE, n, "new") if n % 1_009 == 0 else (BOB, n, "bob")), str(n).ljust(256, "b"))
        for n in range(300, total)
    ]
    record(database, [*old, *new])
    return [*old, *new]


def test_rows_of_whoever_fills_the_file_go_before_those_of_others(database: Database) -> None:
    stored = flood(database, 40_009)
    before = events(database)
    removed = pruned(database, LIMIT, START_NS)
    after = events(database)
    assert 0 < removed == len(before) - len(after)
    kept = {event.id for event in after}
    gone = [event for event in before if event.id not in kept]
    assert {event.uid for event in gone} == {BOB}
    assert [event for event in before if event.uid == ALICE] == [
        event for event in after if event.uid == ALICE
    ]
    assert after == [event for event in before if event.id in kept]
    assert orphans(database) == {}
    assert value_of(database, "SELECT sum(pruned) FROM run") == removed
    assert value_of(database, "SELECT count(*) FROM execs") == len(after)
    for event in (after[0], after[211], after[len(after) // 2], after[-1]):
        assert event in list(History(database).events(Filter(pid=event.pid)))
        around = Filter(since_ns=event.time_ns, until_ns=event.time_ns + 1)
        assert list(History(database).events(around)) == [event]
        assert History(database).count(around) == 1
    assert History(database).count(Filter(arg="new*")) == 0
    assert History(database).count(Filter(uid=ALICE)) == sum(e.uid == ALICE for e in before)
    assert len(stored) + 1 == len(before)
    trims = read_trims(database)
    assert {(trim.what, trim.uid) for trim in trims} == {("rows", BOB)}
    assert sum(trim.events for trim in trims) == removed
    known = read_coverage(database, START_NS + 10**12, recording=False)
    first, last = trims[0].from_ns, trims[-1].to_ns
    found = {each.kind for each in periods(known, first, last)}
    assert Kind.PRUNED in found
    assert Kind.RECORDED not in {each.kind for each in periods(known, first + 1, first + 2)}


def test_where_all_are_one_users_the_oldest_go(database: Database) -> None:
    record(database, [of(BOB, n, "bob", str(n).ljust(256, "b")) for n in range(40_009)])
    before = events(database)
    removed = pruned(database, LIMIT, START_NS)
    assert removed > 0
    assert events(database) == before[removed:]
    assert read_trims(database) == []


def test_a_recorder_goes_on_while_rows_go_from_the_middle(database: Database) -> None:
    retention = Retention(database, LIMIT)
    recording = recorded(database, [of(ALICE, n, "old", str(n)) for n in range(23)])
    number, key = 23, None
    for batch in range(80):
        execs = [
            of(BOB, n, str(n).ljust(256, "b"))._replace(parent=key)
            for n in range(number, number + 997)
        ]
        key = (execs[0].boot_ns, execs[0].pid)
        number += 997
        recording.write(execs, [], counts(number))
        for _ in range(8):
            if retention.step(START_NS) is None or retention.excess < Excess.SOME:
                break
        size = size_of(database)
        assert size.total <= (LIMIT.max_bytes or 0), batch
    after = events(database)
    assert [event.argv for event in after[:23]] == [("old", str(n)) for n in range(23)]
    ids = [event.id for event in after]
    assert ids == sorted(set(ids))
    assert ids[-1] == number
    assert after[-1].argv == (str(number - 1).ljust(256, "b"),)
    assert value_of(database, "SELECT sum(pruned) FROM run") == number - len(after)
    assert value_of(database, "SELECT count(*) FROM image") == len(after)
    recording.finish(START_NS, counts(number))
    assert json.dumps(ids)


def test_names_of_the_modules_that_share_a_limit() -> None:
    assert long_arguments.KEPT < long_arguments.LONG
    assert crowding._RUN_MIN < retention.STEP_ROWS
    assert MACHINE.host


def test_who_works_steadily_crowds_out_nobody(database: Database) -> None:
    """The same rows over half a year: the oldest go, whoever's they are."""
    day_ns = 86_400 * 10**9
    old = [of(ALICE, n, "old", str(n)) for n in range(211)]
    new = [of(BOB, n, "bob", str(n).ljust(256, "b")) for n in range(300, 40_009)]
    spread = [
        event._replace(
            boot_ns=event.boot_ns + n * day_ns // 199, time_ns=event.time_ns + n * day_ns // 199
        )
        for n, event in enumerate([*old, *new])
    ]
    record(database, spread)
    before = events(database)
    removed = pruned(database, LIMIT, START_NS)
    assert removed > 211
    assert events(database) == before[removed:]
    assert read_trims(database) == []


def test_rows_that_stand_alone_are_looked_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where two users' rows alternate no runs can go: then the oldest go, in few steps."""
    rows = [of(BOB if n % 3 else ALICE, n, str(n).ljust(256, "b")) for n in range(40_009)]
    record(database, rows)
    retention = Retention(database, LIMIT)
    steps = 0
    while retention.step(START_NS) is not None:
        steps += 1
    assert steps < 100
    assert value_of(database, "SELECT sum(pruned) FROM run") == 40_010 - len(events(database))
    assert read_trims(database) == []


def test_a_small_file_stays_small_in_a_flood_of_long_arguments(database: Database) -> None:
    limit = LIMIT.max_bytes or 0
    retention, recording = Retention(database, LIMIT), recorded(database, [])
    recording.keep_small(limit)
    number = largest = 0
    for _ in range(97):
        execs = []
        for n in range(number, number + 499):
            uid, size = (ALICE, 5) if n % 251 == 3 else (BOB, 48_000 if n % 120 == 0 else 256)
            execs.append(of(uid, n, "x", str(n).ljust(size, "b")))
        number += 499
        recording.write(execs, [], counts(number))
        for _ in range(4):
            if retention.step(START_NS) is None or retention.excess < Excess.SOME:
                break
        largest = max(largest, size_of(database).total)
    assert largest <= limit
    kept = History(database).count(Filter(uid=ALICE))
    assert kept == sum(n % 251 == 3 for n in range(number))
