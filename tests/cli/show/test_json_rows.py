"""JSON made of rows says byte for byte what JSON made of events says."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execdb.cli.show.formats import renderer, row_renderer
from execdb.store.event import REPLACED, End, Event
from execdb.store.file.database import Database
from execdb.store.importing.importer import import_lines
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.cli.conftest import Run
from tests.conftest import an_exec, counts, empty, recorded
from tests.store.importing.exports import EVENTS, lines_of


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    imported=EVENTS,
    ends=st.lists(st.sampled_from([0, 9, 256, REPLACED]), max_size=7),
    limit=st.integers(0, 9),
    reverse=st.booleans(),
    format=st.sampled_from(["json", "ndjson"]),
)
def test_any_history(
    database: Database,
    imported: list[Event],
    ends: list[int],
    limit: int,
    reverse: bool,
    format: str,
) -> None:
    """Of several boots and machines, whose times overlap."""
    empty(database)
    import_lines(database, lines_of(imported))
    execs = [an_exec(n) for n in range(7)]
    recording = recorded(database, execs)
    ended = [
        End(each.boot_ns + 1, (each.boot_ns, each.pid), status, status, 23)
        for each, status in zip(execs, ends, strict=False)
    ]
    recording.write([], ended, counts(7))
    history = History(database)
    events = renderer(format)(history.events(Filter(), limit=limit, reverse=reverse))
    rows = row_renderer(format)(history.json_rows(Filter(), limit=limit, reverse=reverse))
    assert "".join(rows) == "".join(events)


@pytest.mark.parametrize("limit", [1, 1_500, 0])
def test_more_than_one_page(database: Database, limit: int) -> None:
    recorded(database, [an_exec(n, argv=(str(n % 700), "\x9b")) for n in range(2_503)])
    history = History(database)
    events = renderer("ndjson")(history.events(Filter(), limit=limit))
    assert list(row_renderer("ndjson")(history.json_rows(Filter(), limit=limit))) == list(events)


def test_query_and_replay_write_the_same(database: Database, run: Run) -> None:
    """`replay --loop` and a pace are shown event by event."""
    recorded(database, [an_exec(n, argv=(str(n), "\x9b")) for n in range(7)])
    written = run("query", "--format", "ndjson").out
    assert written.count("\n") == 7
    assert run("replay", "--speed", "0", "--format", "ndjson").out == written
    assert run("replay", "--speed", "1000", "--format", "ndjson").out == written
