"""Blocks: a question passes over no row that it asks for, and reads no block without such rows."""

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from execdb.store.errors import DatabaseError
from execdb.store.event import Event
from execdb.store.file.database import Database, open_database
from execdb.store.file.sql import scalar
from execdb.store.limits.bounds import Bounds
from execdb.store.limits.retention import Retention
from execdb.store.reading import ordered
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.schema import constants
from execdb.store.segments import writer
from execdb.store.terms.term import Range
from execdb.store.writing.recording import Recording
from tests.conftest import MACHINE, START_NS, a_filter, an_exec, counts
from tests.running import thorough
from tests.store.segments.varied import (
    BLOCK,
    QUESTIONS,
    ROWS,
    SEGMENT,
    S,
    asking,
    fits,
    store,
    varied,
)


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ROWS", SEGMENT)


@pytest.fixture(scope="module")
def varied_file(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history that is made once, and copied."""
    path = Path(shutil.copy(template, tmp_path_factory.mktemp("varied")))
    with pytest.MonkeyPatch.context() as patch, open_database(path) as database:
        patch.setattr(writer, "ROWS", SEGMENT)
        store(database, list(varied(ROWS, 7)))
    return path


@pytest.fixture
def varied_history(
    small_segments: None, varied_file: Path, own_database: Path
) -> Iterator[Database]:
    shutil.copy(varied_file, own_database)
    with open_database(own_database) as database:
        yield database


def every_event(database: Database) -> list[Event]:
    return list(History(database).events(Filter()))


def check(database: Database, every: Sequence[Event], wanted: dict[str, Any], *limits: int) -> None:
    own = History(database)
    expected = [event for event in every if fits(event, wanted)]
    question = asking(wanted)
    assert list(own.events(question)) == expected
    assert own.count(question) == len(expected)
    for limit in limits:
        assert list(own.events(question, limit=limit)) == expected[-limit:]
        assert list(own.events(question, limit=limit, reverse=True)) == expected[-limit:][::-1]


@pytest.fixture(scope="module")
def varied_events(varied_file: Path) -> list[Event]:
    with open_database(varied_file) as database:
        return every_event(database)


@pytest.mark.parametrize("wanted", thorough.first(11, QUESTIONS), ids=str)
def test_questions_find_what_a_plain_reading_finds(
    varied_history: Database, varied_events: list[Event], wanted: dict[str, Any]
) -> None:
    check(varied_history, varied_events, wanted, 7, 1_013)


@pytest.fixture
def stretches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The ranges of rows that questions read from here on."""
    read: list[tuple[int, int]] = []
    take = ordered.page_of

    def page_of(connection: Any, wanted: Any, entries: Any, stretches: Any, *rest: Any) -> Any:
        read.extend(stretches)
        return take(connection, wanted, entries, stretches, *rest)

    monkeypatch.setattr(ordered, "page_of", page_of)
    return read


def test_a_needle_is_read_with_its_block_alone(
    varied_history: Database, stretches: list[tuple[int, int]]
) -> None:
    """In finished segments, in those of collectors that were killed, and in the one that is
    written to."""
    asked: list[dict[str, Any]] = [
        *({"uid": 23}, {"comm": "needle", "uid": 0}, {"comm": "needle"}, {"ppid": 7_919}),
        *({"signal": 9}, {"errno": "ENOENT"}, {"exit_code": 1}, {"failed": True, "signal": 11}),
        *({"duration_ns": Range(70 * S, None)}, {"duration_ns": Range(4_500 * S, None)}),
        *({"cpu_ns": Range(5 * S, None)}, {"max_rss_kb": Range(1 << 19, None)}),
    ]
    for question in map(asking, asked):
        stretches.clear()
        events = list(History(varied_history).events(question))
        blocks = {event.id >> constants.BLOCK_BITS for event in events}
        for first, last in stretches:
            inside = range(first >> constants.BLOCK_BITS, (last >> constants.BLOCK_BITS) + 1)
            # Of two conditions, both may hold in a block and never on the same row.
            assert set(inside) <= blocks or len(question.terms) == 2
        assert events
    stretches.clear()
    assert not list(History(varied_history).events(a_filter(arg="nowhere")))
    assert not stretches


def test_a_rare_argument_is_read_with_the_blocks_of_its_programs(
    varied_history: Database, stretches: list[tuple[int, int]]
) -> None:
    """`needle` is called so in its first argument; other programs run in every block."""
    events = list(History(varied_history).events(a_filter(arg="needle", comm="needle")))
    blocks = {event.id >> constants.BLOCK_BITS for event in events}
    assert events
    for first, last in stretches:
        read = range(first >> constants.BLOCK_BITS, (last >> constants.BLOCK_BITS) + 1)
        assert set(read) <= blocks


@pytest.mark.thorough
def test_what_a_collector_stored_before_it_was_killed_is_found(
    small_segments: None, database: Database
) -> None:
    execs = list(varied(3 * BLOCK, 3))
    Recording(database, MACHINE, "0", START_NS).write(execs, [], counts(0))
    every = every_event(database)
    for wanted in QUESTIONS:
        check(database, every, wanted, 3)
    later = [an_exec(ROWS + n) for n in range(3)]
    Recording(database, MACHINE, "0", START_NS).write(later, [], counts(0))
    every = every_event(database)
    for wanted in QUESTIONS:
        check(database, every, wanted, 3)


def test_what_is_left_of_a_pruned_segment_is_found(varied_history: Database) -> None:
    retention = Retention(varied_history, Bounds(keep_ns=0))
    cut_ns = START_NS + (SEGMENT + 2 * BLOCK) * 1_000_000
    while retention.step(cut_ns) is not None:
        pass
    every = every_event(varied_history)
    assert 0 < History(varied_history).count(Filter()) == len(every) < ROWS - SEGMENT
    for wanted in QUESTIONS:
        check(varied_history, every, wanted, 11)


def test_where_all_rows_are_pruned_no_blocks_are_left(varied_history: Database) -> None:
    retention = Retention(varied_history, Bounds(keep_ns=0))
    while retention.step(START_NS + (ROWS - 1) * 1_000_000) is not None:
        pass
    for table in ("pid_block", "ppid_block", "origin_block", "program_block"):
        with varied_history.reading() as connection:
            assert scalar(connection, f"SELECT count(*) FROM {table}") == 1  # of the last row
    while retention.step(START_NS + 10**18) is not None:
        pass
    for table in TABLES:
        with varied_history.reading() as connection:
            assert scalar(connection, f"SELECT count(*) FROM {table}") == 0


TABLES = (
    *("pid_block", "ppid_block", "origin_block", "program_block", "failure_block", "peak_block"),
)
LIES = [
    *(
        f"UPDATE {table} SET block = {value}"
        for table in ("OR REPLACE origin_block", "OR REPLACE failure_block")
        for value in ("-1", "9223372036854775807", "-9223372036854775808", "'all'", "1.5", "x'ff'")
    ),
    "UPDATE OR REPLACE origin_block SET origin_id = 'x'",
    "UPDATE OR REPLACE program_block SET program_id = -program_id",
    "UPDATE OR REPLACE program_block SET block = -1",
    "UPDATE OR REPLACE failure_block SET failure = 'x'",
    "UPDATE peak_block SET duration_ns = x'ff'",
    "UPDATE OR REPLACE peak_block SET block = -1, cpu_ns = 1.5",
    "DELETE FROM origin_block",
    "DELETE FROM program_block",
    "UPDATE image SET program_id = 'x'",
    "UPDATE image SET origin_id = -1",
    "UPDATE image SET time_ns = 'now'",
    "UPDATE segment SET offset_ns = 9223372036854775807",
    "UPDATE segment SET last_id = 9223372036854775807",
    "UPDATE segment SET last_id = 'x' WHERE first_id = 1",
]


@pytest.mark.parametrize("lie", thorough.first(3, LIES))
def test_a_file_that_lies_gives_wrong_answers_at_worst(varied_history: Database, lie: str) -> None:
    with varied_history.writing() as connection:
        connection.execute(lie)
    for wanted in QUESTIONS:
        try:
            own = History(varied_history)
            list(own.events(asking(wanted), limit=7))
            own.count(asking(wanted))
        except DatabaseError:
            pass  # anything else fails the test
    with contextlib.suppress(DatabaseError):
        Recording(varied_history, MACHINE, "0", START_NS).write([an_exec(ROWS)], [], counts(0))
