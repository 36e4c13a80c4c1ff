"""How many rows of a block failed is counted exactly, however the ends come."""

import pytest

from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.importing.importer import import_lines
from execdb.store.limits.bounds import Bounds
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import a_filter, an_event, an_exec, counts, recorded
from tests.store.importing.exports import lines_of
from tests.store.limits.histories import orphans, pruned
from tests.store.writing.recordings import end

FAILED = Filter(failed=True)
ROWS = 2_503  # more than two blocks


def failures(database: Database) -> int:
    """Counted, after a comparison with the rows."""
    assert "failures" not in orphans(database)
    history = History(database)
    assert history.count(FAILED) == len(list(history.events(FAILED)))
    return history.count(FAILED)


def test_an_image_ends_once(database: Database) -> None:
    execs = [an_exec(n) for n in range(ROWS)]
    recording = recorded(database, execs)
    ends = [end(each, 7, 256) for each in execs[::3]]
    recording.write([], ends, counts(ROWS))
    assert failures(database) == len(ends)
    again = [end(each, 9, status) for each in execs[::3] for status in (0, 512)]
    twice = [end(execs[1], 7, status) for status in (9, 256)] + [end(execs[2], 7, 0)]
    recording.write([], [*again, *twice], counts(ROWS))
    assert failures(database) == len(ends) + 1
    assert next(History(database).events(a_filter(pid=execs[1].pid))).signal == 9


def test_an_attempt_fails_once_however_it_ended(database: Database) -> None:
    over = {"ended": "exit", "exit_code": 3}
    attempts = [an_event(n, errno="ENOENT", **over) for n in range(3)]
    import_lines(database, lines_of([*attempts, an_event(3), an_event(4, **over)]))
    assert failures(database) == 4
    import_lines(database, lines_of([an_event(n, **over) for n in range(4)]))
    assert failures(database) == 5


@pytest.mark.parametrize("left", [1, 1_009, 1_600])
def test_what_is_removed_counts_no_more(database: Database, left: int) -> None:
    execs = [an_exec(n) for n in range(ROWS)]
    recording = recorded(database, execs)
    recording.write([], [end(each, 7, 9 if each.pid % 2 else 0) for each in execs], counts(ROWS))
    pruned(database, Bounds(keep_ns=0), execs[-left].time_ns)
    with database.reading() as connection:
        there = scalar(connection, "SELECT count(*) FROM image WHERE pid % 2")
    assert failures(database) == there < ROWS // 2


def test_whole_blocks_are_not_read(database: Database) -> None:
    execs = [an_exec(n) for n in range(ROWS)]
    recording = recorded(database, execs)
    recording.write([], [end(each, 7, 256) for each in execs], counts(ROWS))
    with database.writing() as connection:
        connection.execute("UPDATE image SET status = 0 WHERE id BETWEEN 1100 AND 1200")
    assert History(database).count(FAILED) == ROWS
