"""Whatever happened to a file, a question gives what a plain reading of all events gives."""

from functools import cache
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execdb.store.errors import DatabaseError
from execdb.store.event import Exec
from execdb.store.file.database import Database
from execdb.store.limits.bounds import Bounds
from execdb.store.limits.retention import Retention
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.segments import writer
from execdb.store.writing.recording import Recording
from tests.conftest import MACHINE, START_NS, counts, empty
from tests.store.segments.test_blocks import check, every_event, varied

EVENTS = 5_003
QUESTIONS = (
    {"uid": 23},
    {"comm": "needle"},
    {"arg": "hay"},
    {"uid": 501, "path": "/usr/bin/tool3", "failed": True},
    {"message": "Seldom", "pid": 311},
)


@cache
def events() -> list[Exec]:
    return list(varied(EVENTS, 11))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 1_499)),
        st.tuples(st.just("fail"), st.integers(1, 97)),
        st.tuples(st.just("killed"), st.just(0)),
        st.tuples(st.just("prune"), st.integers(1, 1_499)),
    ),
    min_size=2,
    max_size=9,
)


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ROWS", 1_499)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_answers_do_not_depend_on_what_happened(
    short_segments: None, database: Database, steps: list[tuple[str, int]]
) -> None:
    """Writes, writes that fail and are rolled back, collectors that are killed, removed rows."""
    empty(database)
    recording, left = Recording(database, MACHINE, "0", START_NS), iter(events())
    written = pruned = 0
    for step, number in steps:
        if step == "killed":
            recording = Recording(database, MACHINE, "0", START_NS)
        elif step == "prune":
            pruned = min(pruned + number, written)
            retention = Retention(database, Bounds(keep_ns=0))
            while retention.step(START_NS + pruned * 1_000_000) is not None:
                pass
        else:
            batch = list(islice(left, number))
            if step == "fail" and batch:
                batch[-1] = batch[-1]._replace(pid=1 << 64)  # more than a column can hold
                with pytest.raises(DatabaseError):
                    recording.write(batch, [], counts(0))
            elif batch:
                recording.write(batch, [], counts(0))
            written += len(batch)
    every = every_event(database)
    assert History(database).count(Filter()) == len(every) <= written - pruned
    for wanted in QUESTIONS:
        check(database, every, wanted, 7)
