"""Where the entries of the dictionary are used: nothing is passed over that a question asks for,
and what no row refers to is not read."""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execdb.store.errors import DatabaseError
from execdb.store.event import Event, Exec
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.limits.bounds import Bounds
from execdb.store.limits.retention import Retention
from execdb.store.reading import ordered
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.schema import constants
from execdb.store.segments import writer
from execdb.store.segments.blocks import Uses, blocks_of
from execdb.store.segments.segment import Segment, segments_of
from execdb.store.writing.recording import Recording
from tests.conftest import MACHINE, START_NS, an_exec, counts, some_creds

BLOCK = 1 << constants.BLOCK_BITS
SEGMENT = 5 * BLOCK + 7
BATCH = 613
ROWS = 3 * SEGMENT + 2 * BLOCK


def varied(count: int, seed: int) -> Iterator[Exec]:
    """Who and what recurs, some of it seldom; one command line in eight is new."""
    draw = random.Random(seed)
    for number in range(count):
        odd = draw.randrange(997)
        name = "needle" if odd == 1 else f"tool{draw.randrange(7)}"
        argv = [name, f"-j{draw.randrange(5)}"]
        argv += [f"/tmp/part-{number}.c"] * (odd % 8 == 0) + ["hay-needle"] * (odd == 2)
        uid = 23 if odd == 3 else draw.choice((0, 0, 501))
        yield an_exec(
            number,
            pid=300 + number % 1_009,
            creds=some_creds(uid, "Seldom" if odd == 4 else "Hi"),
            filename=f"/usr/bin/{name}",
            comm=name,
            argv=tuple(argv),
            errno="ENOENT" if odd == 5 else None,
        )


def store(database: Database, execs: list[Exec]) -> None:
    """In batches, by three collectors one after the other, in small segments."""
    third = len(execs) // 3 + 1
    for life in range(0, len(execs), third):
        recording = Recording(database, MACHINE, "0", START_NS)
        part = execs[life : life + third]
        for at in range(0, len(part), BATCH):
            recording.write(part[at : at + BATCH], [], counts(0))


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ROWS", SEGMENT)


@pytest.fixture
def varied_history(small_segments: None, database: Database) -> Database:
    store(database, list(varied(ROWS, 7)))
    return database


QUESTIONS: list[dict[str, Any]] = [
    {"uid": 23},
    {"uid": 501},
    {"uid": 7},
    {"message": "Seldom"},
    {"comm": "needle"},
    {"comm": "need*"},
    {"comm": "tool3"},
    {"path": "/usr/bin/needle"},
    {"arg": "hay"},
    {"arg": "part-1"},
    {"arg": f"part-{8 * BLOCK + 8}.c"},
    {"arg": "-j3"},
    {"arg": "nowhere"},
    {"uid": 23, "comm": "needle"},
    {"uid": 501, "comm": "needle", "arg": "-j"},
    {"uid": 23, "pid": 311},
    {"comm": "needle", "running": True},
    {"comm": "tool3", "failed": True},
    {"uid": 23, "since_ns": START_NS + 3_000_000_000, "until_ns": START_NS + 9_000_000_000},
]


def fits(event: Event, wanted: dict[str, Any]) -> bool:
    """The plain reading of a filter."""
    patterns = {"comm": event.comm, "path": event.filename}
    tests = {
        **{name: getattr(event, name, None) == value for name, value in wanted.items()},
        **{
            name: value.startswith(wanted[name][:-1]) if wanted[name][-1] == "*" else
            value == wanted[name]
            for name, value in patterns.items() if name in wanted
        },
        "arg": any(wanted.get("arg", "") in argument for argument in event.argv),
        "failed": wanted.get("failed") is (event.errno is not None),
        "running": event.errno is None,
        "since_ns": event.time_ns >= wanted.get("since_ns", 0),
        "until_ns": event.time_ns < wanted.get("until_ns", 1 << 63),
    }  # fmt: skip
    return all(tests[name] for name in wanted)


def check(database: Database, wanted: dict[str, Any], limit: int) -> None:
    own = History(database)
    expected = [event for event in own.events(Filter()) if fits(event, wanted)]
    question = Filter(**wanted)
    assert list(own.events(question)) == expected
    assert own.count(question) == len(expected)
    assert list(own.events(question, limit=limit)) == expected[-limit:]
    assert list(own.events(question, limit=limit, reverse=True)) == expected[-limit:][::-1]


@pytest.mark.parametrize("wanted", QUESTIONS, ids=str)
def test_questions_find_what_a_plain_reading_finds(
    varied_history: Database, wanted: dict[str, Any]
) -> None:
    check(varied_history, wanted, 7)
    check(varied_history, wanted, 1_013)


def known(database: Database) -> list[Segment]:
    with database.reading() as connection:
        return segments_of(connection)


def test_every_segment_but_the_last_is_closed(varied_history: Database) -> None:
    *closed, last = known(varied_history)
    assert last.known_entry_ids is None
    long = [one for one in closed if one.first_id // BLOCK < one.last_id // BLOCK]
    assert len(long) >= 3
    assert all(segment.known_entry_ids for segment in long)


def test_a_needle_is_read_with_its_block_alone(
    varied_history: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[int, int]] = []
    take = ordered.page_of

    def page_of(connection: Any, wanted: Any, entries: Any, stretches: Any, *rest: Any) -> Any:
        read.extend(stretches)
        return take(connection, wanted, entries, stretches, *rest)

    monkeypatch.setattr(ordered, "page_of", page_of)
    closed = known(varied_history)[:-1]
    for question in (Filter(arg="hay"), Filter(uid=23), Filter(comm="needle", uid=0)):
        read.clear()
        events = list(History(varied_history).events(question))
        blocks = {event.id >> constants.BLOCK_BITS for event in events}
        for first, last in read:
            if last <= closed[-1].last_id:
                inside = range(first >> constants.BLOCK_BITS, (last >> constants.BLOCK_BITS) + 1)
                # Of two conditions, both may hold in a block and never on the same row.
                assert set(inside) <= blocks or question.comm
    read.clear()
    assert not list(History(varied_history).events(Filter(arg="nowhere")))
    assert not read


def test_a_run_that_was_cut_short_is_completed_by_the_next(
    small_segments: None, database: Database
) -> None:
    execs = list(varied(3 * BLOCK, 3))
    Recording(database, MACHINE, "0", START_NS).write(execs, [], counts(0))
    (segment,) = known(database)
    assert segment.known_entry_ids is None
    later = [an_exec(ROWS + n) for n in range(3)]
    Recording(database, MACHINE, "0", START_NS).write(later, [], counts(0))
    segment, _ = known(database)
    assert segment.known_entry_ids is not None
    for wanted in QUESTIONS:
        check(database, wanted, 3)


def test_what_is_left_of_a_pruned_segment_is_found(varied_history: Database) -> None:
    retention = Retention(varied_history, Bounds(keep_ns=0))
    cut_ns = START_NS + (SEGMENT + 2 * BLOCK) * 1_000_000
    while retention.step(cut_ns) is not None:
        pass
    assert 0 < History(varied_history).count(Filter()) < ROWS - SEGMENT
    for wanted in QUESTIONS:
        check(varied_history, wanted, 11)


def test_where_all_rows_are_pruned_no_uses_are_left(varied_history: Database) -> None:
    retention = Retention(varied_history, Bounds(keep_ns=0))
    while retention.step(START_NS + (ROWS - 1) * 1_000_000) is not None:
        pass
    with varied_history.reading() as connection:
        count = "SELECT count(*) FROM entry_block"
        assert scalar(connection, count)  # of the chunk of the row that is left
    while retention.step(START_NS + 10**18) is not None:
        pass
    with varied_history.reading() as connection:
        assert scalar(connection, count) == 0


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_use_is_passed_over(database: Database, data: st.DataObject) -> None:
    """Ids in any order, blocks from anywhere, noted in several goes."""
    first_block = data.draw(st.sampled_from([0, 1, 31, 32, 70]))
    blocks = data.draw(st.lists(st.sets(st.integers(1, 29), min_size=1), min_size=2, max_size=70))
    known_id = data.draw(st.integers(0, 31))
    uses = Uses((first_block << constants.BLOCK_BITS) + 3, known_id)
    for at, entries in enumerate(blocks):
        half = data.draw(st.sets(st.sampled_from(sorted(entries))))
        for part in (half, entries):
            if part:
                uses.note(first_block + at, part)
    last_id = (first_block + len(blocks) << constants.BLOCK_BITS) - 5
    with database.writing() as connection:
        connection.execute("DELETE FROM entry_block")
        uses.store(connection)
        segment = Segment(1, last_id, 1, 0, 0, 0, 1, 31, str(uses.known_ids))
        for entry in range(1, 31):
            found = blocks_of(connection, segment, [entry])
            assert found is not None
            base, bits = found
            there = {base + at for at in range(bits.bit_length()) if bits >> at & 1}
            used = {first_block + at for at, entries in enumerate(blocks) if entry in entries}
            assert used <= there
            assert len(there - used) <= 1  # where ids beyond its own came up first


LIES = [
    f"UPDATE segment SET known_entry_ids = {value}"
    for value in (
        "''", "'x'", "'{}'", "'[]'", "'[1]'", "'[null, 1]'", "'[1.5, 2]'", "x'ff'", "7", "1e300",
        "'[9999999999999999999999, -9999999999999999999999]'", "'[9, 8, 7]'", "'[0, 0]'",
        "'[' || replace(hex(zeroblob(9999)), '0', '1,') || '1]'",
        "'[' || replace(hex(zeroblob(9999)), '0', '[') || '1]'",
    )
] + [
    "UPDATE entry_block SET blocks = -1",
    "UPDATE entry_block SET blocks = 9223372036854775807",
    "UPDATE entry_block SET blocks = 'all'",
    "UPDATE entry_block SET blocks = 1.5",
    "UPDATE entry_block SET chunk = -chunk - 1",
    "DELETE FROM entry_block",
    "UPDATE segment SET last_id = 9223372036854775807",
    "UPDATE segment SET last_id = 'x' WHERE first_id = 1",
]  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_file_that_lies_gives_wrong_answers_at_worst(varied_history: Database, lie: str) -> None:
    with varied_history.writing() as connection:
        connection.execute(lie)
    for wanted in QUESTIONS:
        try:
            own = History(varied_history)
            list(own.events(Filter(**wanted), limit=7))
            own.count(Filter(**wanted))
        except DatabaseError:
            pass  # anything else fails the test
    with contextlib.suppress(DatabaseError):
        Recording(varied_history, MACHINE, "0", START_NS).write([an_exec(ROWS)], [], counts(0))
