"""Images"""

import pytest

from execdb.store.errors import DatabaseError
from execdb.store.event import End
from execdb.store.file.database import Database
from execdb.store.ledger.totals import read_totals
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.writing import parents
from execdb.store.writing.parents import Lineage
from execdb.store.writing.recording import Recording
from tests.conftest import (
    MACHINE,
    START_NS,
    an_exec,
    counts,
)
from tests.store.writing.recordings import CHILD, NEXT, SHELL, begin, end, events, key, value_of


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize(
    ("status", "ending"),
    [(0, ("exit", 0, None)), (23 << 8, ("exit", 23, None)), (255 << 8, ("exit", 255, None))]
    + [(9, ("signal", None, 9)), (11 | 0x80, ("signal", None, 11))],
)
def test_an_end_stands_on_the_row_of_its_image(
    database: Database, apart: bool, status: int, ending: tuple[object, ...]
) -> None:
    recording = begin(database)
    ends = [end(SHELL, 1_009, status)]
    recording.write([SHELL, CHILD], [] if apart else ends, counts(2))
    if apart:
        recording.write([], ends, counts(2))
    shell, child = events(database)
    assert (shell.ended, shell.exit_code, shell.signal, shell.duration_ns) == (*ending, 1_009)
    assert (child.ended, child.duration_ns) == (None, None)


def test_what_was_not_stored_after_all_is_nobodys_parent_and_has_no_end(
    database: Database,
) -> None:
    recording = begin(database)
    with pytest.raises(DatabaseError):
        recording.write([SHELL], [], counts(1 << 70))  # SQLite has no such number
    recording.write([CHILD], [end(SHELL, 7, status=9)], counts(1))
    assert [(event.parent_id, event.signal) for event in events(database)] == [(None, None)]


def test_images_that_ended_are_not_remembered_for_ever(database: Database) -> None:
    known = Lineage(MACHINE.boot_id)
    for batch in range(11):
        images = [(batch, pid) for pid in range(1_009)]
        rows = {image: 1 + batch * 1_009 + at for at, image in enumerate(images)}
        known.running[images[0]] = rows.pop(images[0])  # the first one runs on
        known.ended |= rows
        known.bound()
    with database.reading() as connection:
        found = [known.find(connection, (batch, 1)) for batch in range(11)]
    assert found == [None, None, None, None, None, *range(5 * 1_009 + 2, 11 * 1_009, 1_009)]
    assert list(known.running) == [(batch, 0) for batch in range(11)]


def test_an_end_of_what_was_lost_is_passed_over(database: Database) -> None:
    begin(database).write([SHELL], [end(CHILD, 7, 0)], counts(1))
    assert [event.ended for event in events(database)] == [None]


def test_a_pid_used_again_is_another_image(database: Database) -> None:
    again = SHELL._replace(boot_ns=SHELL.boot_ns + 23, time_ns=SHELL.time_ns + 23)
    child = CHILD._replace(parent=key(again))
    begin(database).write([SHELL, again, child], [end(SHELL, 7, 0)], counts(3))
    first, second, third = events(database)
    assert (first.ended, second.ended, third.parent_id) == ("exit", None, second.id)


def test_who_ran_before_us_has_a_row_of_another_kind(database: Database) -> None:
    init, idle = an_exec(0, argv=("init",), pid=1), an_exec(0, argv=("idle",), pid=7)
    login = an_exec(1, argv=("login",), pid=2, parent=key(init))
    recording = begin(database)
    recording.know([login, idle, init])
    child = an_exec(23, parent=key(login))
    assert recording.write([child], [], counts(1)) == [1]
    assert [(e.id, e.parent_id) for e in events(database)] == [(1, -1)]
    assert History(database).count(Filter()) == read_totals(database).events == 1
    seen = (
        "SELECT group_concat(id || json_extract(argv, '$[0]') || ifnull(parent_id, '')) FROM seen"
    )
    assert value_of(database, seen) == "-3init,-2idle,-1login-3"


def test_an_end_of_what_ran_before_us_is_known(database: Database) -> None:
    login = an_exec(0, argv=("login",), pid=23)
    recording = begin(database)
    recording.know([login])
    recording.write([SHELL], [end(login, 7, 0)], counts(1))
    assert value_of(database, "SELECT ended || duration_ns FROM seen") == "exit7"


def test_what_runs_already_is_stored_before_any_exec_and_in_slices(database: Database) -> None:
    init, login, shell = (an_exec(n, argv=(f"{n}",), pid=n) for n in (1, 5, 7))
    recording = begin(database)
    assert recording.know([init]) == [key(init)]
    assert recording.know([login._replace(parent=key(init))]) == [key(login)]
    recording.write([an_exec(23, parent=key(login), argv=("a",))], [], counts(1))
    recording.know([shell._replace(parent=key(login))])  # while something is recorded
    recording.write([an_exec(29, parent=key(shell), argv=("b",))], [end(shell, 7, 0)], counts(2))
    assert [(e.id, e.parent_id) for e in events(database)] == [(1, -2), (2, -3)]
    assert [e.argv[0] for e in events(database)] == ["a", "b"]
    seen = "SELECT group_concat(id || argv || ifnull(parent_id, '') || ifnull(ended, '')) FROM seen"
    assert value_of(database, seen) == '-3["7"]-2exit,-2["5"]-1,-1["1"]'


def test_what_is_seen_again_in_one_life_has_execd_and_names_what_it_was(database: Database) -> None:
    shell, editor = (an_exec(0, argv=(name,), pid=23) for name in ("sh", "vi"))
    recording = begin(database)
    recording.know([shell])
    assert recording.know([editor]) == [key(shell)]
    recording.write([an_exec(3, parent=key(editor))], [end(editor, 7, 0)], counts(1))
    assert [e.parent_id for e in events(database)] == [-2]
    seen = "SELECT group_concat(id || argv || ifnull(parent_id, '') || ifnull(ended, '')) FROM seen"
    assert value_of(database, seen) == '-2["vi"]-1exit,-1["sh"]'


def test_what_could_not_be_stored_can_be_tried_again(database: Database) -> None:
    init, login = an_exec(0, argv=("init",), pid=1), an_exec(1, argv=("login",), pid=23)
    recording = begin(database)
    recording.know([init])
    with database.writing() as connection:
        connection.execute(
            "CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.image"
            " BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    batch = [an_exec(2, parent=key(login)), an_exec(3, parent=key(init))]
    with pytest.raises(DatabaseError):
        recording.know([login])
    with pytest.raises(DatabaseError):
        recording.write(batch, [], counts(2))
    with database.writing() as connection:
        connection.execute("DROP TRIGGER refuse")
    recording.know([login])
    recording.write(batch, [], counts(2))
    assert [e.parent_id for e in events(database)] == [-2, -1]
    assert value_of(database, "SELECT group_concat(pid) FROM seen") == "23,1"


def test_descendants_and_only_those(database: Database) -> None:
    other = an_exec(3, argv=("other",))
    begin(database).write([SHELL, CHILD, NEXT, other], [], counts(4))
    history = History(database)
    assert [e.argv[0] for e in history.events(Filter(descendants_of=(1,)))] == ["child", "next"]
    assert history.count(Filter(descendants_of=(3,))) == 0
    any_of = history.events(Filter(descendants_of=(3, 2, 1)))
    assert [e.argv[0] for e in any_of] == ["child", "next"]


def test_of_many_that_run_the_oldest_are_looked_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded where ends never come; parents and ends find their rows all the same."""
    monkeypatch.setattr(parents, "_KNOWN", 23)
    recording = Recording(database, MACHINE, "0", START_NS)
    first = [an_exec(n) for n in range(97)]
    for at in range(0, 97, 7):
        recording.write(first[at : at + 7], [], counts(at + 7))
    assert len(recording._lineage.running) <= 23
    children = [
        an_exec(200 + n, parent=(event.boot_ns, event.pid)) for n, event in enumerate(first)
    ]
    ends = [End(event.boot_ns + 10**12, (event.boot_ns, event.pid), 0) for event in first]
    recording.write(children, ends, counts(194))
    events = list(History(database).events(Filter()))
    assert [event.parent_id for event in events[97:]] == [event.id for event in events[:97]]
    assert [event.duration_ns for event in events[:97]] == [10**12] * 97
