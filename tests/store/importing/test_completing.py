"""What a later file knows more of an event is added to the row that is there."""

from typing import Any

import pytest

from execdb.store.event import Event
from execdb.store.file.database import Database
from execdb.store.importing.importer import import_lines
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import an_event, an_exec, recorded
from tests.store.importing.exports import family_of_two, history, lines_of, parents


def running(n: int, **changes: Any) -> Event:
    return an_event(n, **changes)


def over(n: int, **changes: Any) -> Event:
    return an_event(n, **{"ended": "exit", "exit_code": 7, "duration_ns": 11} | changes)


@pytest.mark.parametrize("together", [False, True])
def test_an_end_reaches_the_row_that_was_imported_before(
    database: Database, together: bool
) -> None:
    early = lines_of([running(0), running(1), over(2)])
    late = lines_of([over(0), running(1), over(2, exit_code=9), over(3)])
    if together:
        assert import_lines(database, early + late) == (4, 3, 1, 0)
    else:
        import_lines(database, early)
        assert import_lines(database, late) == (1, 3, 1, 0)
    ends = [(event.exit_code, event.duration_ns) for event in history(database)]
    assert ends == [(7, 11), (None, None), (7, 11), (7, 11)]
    assert import_lines(database, early + late) == (0, 7, 0, 0)


def test_an_end_reaches_a_row_that_was_recorded_here_and_lacks_it(database: Database) -> None:
    recorded(database, [an_exec(n) for n in range(3)])
    attempt = an_exec(3, errno="ENOENT", caller="sh")
    recorded(database, [attempt])
    lines = lines_of([over(1), over(2, ended="exec", exit_code=None), over(3)])
    assert import_lines(database, lines) == (0, 3, 2, 0)
    assert [event.ended for event in history(database)] == [None, "exit", "exec", None]


def test_a_parent_reaches_the_row_that_was_imported_before(database: Database) -> None:
    *_, child = family_of_two()
    assert import_lines(database, lines_of([child])) == (1, 0, 0, 1)
    assert import_lines(database, lines_of(family_of_two())) == (1, 1, 0, 0)
    assert parents(database) == {2: None, 3: 2}
    (parent, _) = History(database).events(Filter())
    assert len(list(History(database).events(Filter(descendants_of=(parent.id,))))) == 1
