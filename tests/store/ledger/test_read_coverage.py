"""Which times a file covers, as read from real files."""

from dataclasses import replace

import pytest

from execdb.store.account import Account, ClockSet, Loss
from execdb.store.file.database import Database
from execdb.store.importing.importer import import_lines
from execdb.store.ledger.coverage import Kind, Why
from execdb.store.ledger.periods import periods
from execdb.store.ledger.read_coverage import read_coverage
from execdb.store.writing.recording import Recording
from tests.conftest import MACHINE, START_NS, an_event, an_exec, counts, recorded
from tests.store.importing.exports import lines_of
from tests.store.ledger.test_periods import shape

SECOND = 1_000_000_000


def test_a_run_that_has_not_ended_reaches_until_now(database: Database) -> None:
    recorded(database, [an_exec(7)])
    now_ns = START_NS + 11 * SECOND
    alive = read_coverage(database, now_ns, recording=True)
    assert shape(periods(alive, None, None)) == [("recorded", START_NS, now_ns)]
    dead = read_coverage(database, now_ns, recording=False)
    assert shape(periods(dead, None, now_ns)) == [
        ("recorded", START_NS, an_exec(7).time_ns),
        ("crash", an_exec(7).time_ns, now_ns),
    ]


def test_time_since_a_silent_collector_wrote_last_is_blind(database: Database) -> None:
    """It may have been stopped (SIGSTOP), or the disk may be full."""
    recorded(database, [an_exec(7)])
    now_ns = START_NS + 23 * SECOND
    silent = read_coverage(database, now_ns, recording=True)
    assert shape(periods(silent, None, None)) == [
        ("recorded", START_NS, an_exec(7).time_ns),
        ("collector silent", an_exec(7).time_ns, now_ns),
    ]


def test_runs_losses_and_imports_are_read(database: Database) -> None:
    first = Recording(database, MACHINE, "0", START_NS)
    losses = [Loss(1, "ring full", START_NS + 2, START_NS + 5, 7)]
    first.write([an_exec(1)], [], counts(1, 7), Account(START_NS + 1, START_NS + 9, losses))
    Recording(database, MACHINE, "0", START_NS + 100).finish(START_NS + 200, counts(0))
    import_lines(database, lines_of([an_event(n) for n in (5_003, 5_009)]))
    found = periods(read_coverage(database, 0, recording=False), None, None)
    assert shape(found) == [
        ("recorded", START_NS + 1, START_NS + 2),
        ("lossy", START_NS + 2, START_NS + 5),
        ("recorded", START_NS + 5, START_NS + 9),
        ("crash", START_NS + 9, START_NS + 100),
        ("recorded", START_NS + 100, START_NS + 200),
        ("no collector", START_NS + 200, an_event(5_003).time_ns),
        ("imported", an_event(5_003).time_ns, an_event(5_009).time_ns),
    ]


@pytest.mark.parametrize("far", [{"boot_id": "far"}, {"host": "far"}])
def test_events_of_another_machine_do_not_hide_a_blind_time(
    database: Database, far: dict[str, str]
) -> None:
    Recording(database, MACHINE, "0", START_NS).finish(START_NS + SECOND, counts(0))
    recorded(database, []).finish(START_NS + 7 * SECOND, counts(0))
    with database.writing() as connection:
        connection.execute("UPDATE run SET started_ns = ? WHERE id = 2", (START_NS + 5 * SECOND,))
    import_lines(database, lines_of([an_event(n, **far) for n in (1_003, 4_999)]))
    found = periods(read_coverage(database, 0, recording=False), None, None)
    assert [str(each.why or each.kind) for each in found] == [
        "recorded",
        "no collector",
        "recorded",
    ]


def test_events_of_a_boot_do_not_hide_a_blind_time_of_the_next_one(database: Database) -> None:
    boots = [MACHINE, replace(MACHINE, boot_id="next"), replace(MACHINE, boot_id="next")]
    for n, machine in enumerate(boots):
        began_ns = START_NS + n * 10 * SECOND
        Recording(database, machine, "0", began_ns).finish(began_ns + SECOND, counts(0))
    claimed = [an_event(n) for n in (500, 25_000)]  # of the first boot, into the second's time
    import_lines(database, lines_of(claimed))
    found = periods(read_coverage(database, 0, recording=False), None, None)
    assert shape(found) == [
        ("recorded", START_NS, START_NS + SECOND),
        ("imported", START_NS + SECOND, START_NS + 10 * SECOND),
        ("recorded", START_NS + 10 * SECOND, START_NS + 11 * SECOND),
        ("no collector", START_NS + 11 * SECOND, START_NS + 20 * SECOND),
        ("recorded", START_NS + 20 * SECOND, START_NS + 21 * SECOND),
    ]


def test_a_crash_leaves_a_gap_until_now(database: Database) -> None:
    recorded(database, [an_exec(7)])
    now_ns = START_NS + 11 * SECOND
    assert read_coverage(database, now_ns, recording=False).end_ns == now_ns
    recorded(database, [an_exec(11)]).finish(START_NS + 2 * SECOND, counts(1))
    assert read_coverage(database, now_ns, recording=False).end_ns == START_NS + 2 * SECOND


def test_a_clock_that_is_set_back_makes_no_time_blind(database: Database) -> None:
    recording = Recording(database, MACHINE, "0", START_NS)
    hour = 3_600 * SECOND
    back = ClockSet(START_NS + hour, START_NS + hour // 2)
    recording.write([], [], counts(0), Account(clock_sets=[back]))
    recording.finish(START_NS + hour // 2 + SECOND, counts(0))
    found = periods(read_coverage(database, 0, recording=False), None, None)
    assert shape(found) == [("recorded", START_NS, START_NS + hour)]


def test_a_clock_that_is_set_forth_leaves_a_time_that_never_was(database: Database) -> None:
    recording = Recording(database, MACHINE, "0", START_NS)
    forth = ClockSet(START_NS + SECOND, START_NS + 86_400 * SECOND)
    recording.write([], [], counts(0), Account(clock_sets=[forth]))
    recording.finish(START_NS + 86_401 * SECOND, counts(0))
    found = periods(read_coverage(database, 0, recording=False), None, None)
    assert [each.kind for each in found] == [Kind.RECORDED, Kind.BLIND, Kind.RECORDED]
    assert found[1].why is Why.CLOCK
