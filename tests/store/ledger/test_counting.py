"""Events counted by stretches of time: as many as a question about each stretch would find."""

from itertools import pairwise
from time import process_time

from hypothesis import given
from hypothesis import strategies as st

from execdb.store.file.database import Database
from execdb.store.importing.importer import import_lines
from execdb.store.ledger import counting
from execdb.store.ledger.counting import events_in
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.writing.recording import Recording
from tests.conftest import MACHINE, START_NS, an_event, an_exec, counts, empty, recorded
from tests.store.importing.exports import lines_of

MS = 1_000_000


def test_each_stretch_has_the_events_that_a_query_finds(database: Database) -> None:
    recorded(database, [an_exec(n) for n in range(0, 97, 2)])
    import_lines(database, lines_of([an_event(n, boot_id="far") for n in range(1, 97, 3)]))
    history = History(database)

    @given(st.lists(st.integers(-7, 101), min_size=2, max_size=23), st.sampled_from([0, 64]))
    def check(edges: list[int], read_rows: int) -> None:
        counting._READ_ROWS = read_rows  # by halving, or all of a segment at once
        spans = [(START_NS + a * MS, START_NS + b * MS) for a, b in pairwise(sorted(set(edges)))]
        expected = [history.count(Filter(since_ns=a, until_ns=b)) for a, b in spans]
        assert events_in(database, spans) == expected

    try:
        check()
    finally:
        counting._READ_ROWS = 64


def test_the_work_grows_with_the_runs_and_not_with_their_square(database: Database) -> None:
    taken = {}
    for runs in (211, 844):
        empty(database)
        for n in range(runs):
            recording = Recording(database, MACHINE, "0", START_NS + n * MS)
            recording.write([an_exec(n)], [], counts(1))
            recording.finish(START_NS + n * MS, counts(1))
        spans = [(START_NS + n * MS, START_NS + (n + 1) * MS) for n in range(runs)]
        started_s = process_time()
        for _ in range(3):
            assert events_in(database, spans) == [1] * runs
        taken[runs] = process_time() - started_s
    assert taken[844] < 9 * taken[211], taken  # 4 times; the square would be 16
