"""Parents of imported events get the ids that they have in this file."""

from random import Random

import pytest

from execdb.store.event import Event
from execdb.store.file.database import Database
from execdb.store.importing.importer import import_lines
from tests.conftest import an_event, an_exec, recorded
from tests.store.importing.exports import family_of_two, lines_of, parents


def family(first_id: int) -> list[Event]:
    """The child stands before its parent; the last one's parent is not in the file."""
    ids = [first_id + n for n in range(4)]
    return [
        an_event(1, id=ids[1], pid=2, parent_id=ids[0]),
        an_event(0, id=ids[0], pid=3),
        an_event(2, id=ids[2], pid=5, parent_id=ids[0]),
        an_event(3, id=ids[3], pid=7, parent_id=1_009),
    ]


FAMILY = {2: 3, 3: None, 5: 3, 7: None}


def test_parents_get_the_ids_they_have_here(database: Database) -> None:
    recorded(database, [an_exec(n, pid=100 + n) for n in range(23, 46)])
    import_lines(database, lines_of(family(23)))
    assert parents(database).items() >= FAMILY.items()
    import_lines(database, lines_of(family(23)))
    assert parents(database).items() >= FAMILY.items()


def test_a_parent_that_was_only_seen_is_unknown_elsewhere(database: Database) -> None:
    import_lines(database, lines_of([an_event(parent_id=-7), an_event(1, parent_id=-1)]))
    assert parents(database) == {1_000: None, 1_001: None}


def test_a_file_that_repeats_itself_keeps_its_parents(database: Database) -> None:
    import_lines(database, lines_of(family(23) * 2))
    assert parents(database) == FAMILY


def test_a_parent_may_have_been_imported_before(database: Database) -> None:
    child, parent, *_ = lines_of(family(23))
    import_lines(database, [parent])
    import_lines(database, [parent, child])
    assert parents(database) == {2: 3, 3: None}


def test_days_of_one_boot_one_after_the_other_keep_their_parents_apart(database: Database) -> None:
    day_1, day_2 = family_of_two(at=0, pid=2), family_of_two(at=50, pid=12)
    assert import_lines(database, lines_of(day_1 + day_2)) == (4, 0, 0, 0)
    assert parents(database) == {2: None, 3: 2, 12: None, 13: 12}


def test_an_id_of_another_day_is_no_parent(database: Database) -> None:
    shell, child = family_of_two(at=50, pid=12)
    found = import_lines(database, lines_of([*family_of_two(), child]))
    assert found == (3, 0, 0, 1)  # its own parent is not in the file
    assert parents(database) == {2: None, 3: 2, 13: None}
    assert import_lines(database, lines_of([shell])).orphans == 0


@pytest.mark.parametrize("order", [1, -1])
def test_databases_of_one_time_one_after_the_other(database: Database, order: int) -> None:
    one = [event for n in range(3) for event in family_of_two(1 + 2 * n, 10 * n, 2 + 10 * n)]
    two = [event for n in range(3) for event in family_of_two(1 + 2 * n, 10 * n + 5, 7 + 10 * n)]
    lines = lines_of(one[::order] + two[::order])
    assert import_lines(database, lines) == (12, 0, 0, 0)
    shells = range(2, 28, 5)
    expected = dict.fromkeys(shells) | {pid + 1: pid for pid in shells}
    assert parents(database) == expected


def test_machines_that_count_alike_keep_their_parents_apart(database: Database) -> None:
    lines = lines_of(family_of_two() + family_of_two(host="far", boot_id="far", pid=12))
    assert import_lines(database, lines) == (4, 0, 0, 0)
    assert parents(database) == {2: None, 3: 2, 12: None, 13: 12}


def test_the_order_of_the_lines_does_not_matter(database: Database) -> None:
    events = [event for n in range(23) for event in family_of_two(1 + 2 * n, 10 * n, 2 + 10 * n)]
    Random(7).shuffle(events)
    assert import_lines(database, lines_of(events)) == (46, 0, 0, 0)
    assert all(parent == pid - 1 for pid, parent in parents(database).items() if pid % 10 == 3)


def test_a_parent_in_another_part_is_believed_if_it_is_the_process_of_the_child(
    database: Database,
) -> None:
    parent = an_event(0, id=7, pid=2)
    forked = an_event(5, id=3, pid=3, ppid=2, parent_id=7)  # ids and times do not agree
    stranger = an_event(6, id=2, pid=4, ppid=8, parent_id=7)
    assert import_lines(database, lines_of([parent, forked, stranger])) == (3, 0, 0, 1)
    assert parents(database) == {2: None, 3: 2, 4: None}


def test_ids_and_times_at_the_end_of_their_range(database: Database) -> None:
    last = (1 << 63) - 1
    moment = {"time_ns": last, "boot_ns": last}
    events = [
        an_event(id=last - 1, pid=2, **moment),
        an_event(id=last, pid=3, ppid=2, parent_id=last - 1, **moment),
        an_event(1, id=last - 2, pid=4, parent_id=last),
        an_event(2, id=5, pid=5, parent_id=-last),
        an_event(3, id=6, pid=6, parent_id=6),
    ]
    assert import_lines(database, lines_of(events)) == (5, 0, 0, 2)
    assert parents(database) == {2: None, 3: 2, 4: None, 5: None, 6: None}
