"""The loop with a real database: what arrives is in it, whatever others do meanwhile."""

import sqlite3
from contextlib import closing

import pytest

from execdb.collector.collect import Collector
from execdb.store.account import Cause
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.limits.free_space import FreeSpace
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.writing.recording import Recording
from tests.collector.desk import BAD, SECOND, Desk, Round, at, busy, run_to
from tests.collector.records import end
from tests.conftest import MACHINE, START_NS


def test_what_the_loop_collects_is_in_the_database(database: Database) -> None:
    desk = Desk([Round([at(2), at(1)]), Round([at(3), [BAD]], lost=7)])
    recording = Recording(database, MACHINE, "0", START_NS)
    desk.collector = Collector(desk.wiring(sink=recording))
    desk.run(times=2)
    assert [event.boot_ns for event in History(database).events(Filter())] == [1, 2, 3]
    with database.reading() as connection:
        runs = connection.execute("SELECT ended, seen, stored, lost FROM runs").fetchall()
    assert runs == [("clean", 11, 3, 8)]


def test_the_recorded_time_begins_with_the_first_exec_however_late_the_clock_was_read(
    database: Database,
) -> None:
    """A busy machine may run other programs between attaching and reading the clock."""
    begun_ns = 100 * SECOND
    desk = Desk([Round([at(begun_ns - 7, begun_ns + 3), at(begun_ns - 11)]), Round([at(begun_ns)])])
    recording = Recording(database, MACHINE, "0", START_NS)
    desk.collector = Collector(desk.wiring(sink=recording))
    desk.run(times=2)
    with database.reading() as connection:
        (started,) = connection.execute("SELECT started_ns FROM runs").fetchall()
    assert started == (begun_ns - 11,)


def test_many_that_waited_are_stored_in_parts_with_their_ends(database: Database) -> None:
    starts = at(*range(1, 24))
    ends_of_all = [end((n, 23), boot_ns=50 + n) for n in range(1, 24)]
    desk = Desk([Round([[*starts, *ends_of_all]])])
    desk.seen -= 23
    recording = Recording(database, MACHINE, "0", START_NS)
    desk.collector = Collector(desk.wiring(sink=recording, batch_max=5))
    desk.run(times=3)
    assert [len(events) for _, events in desk.shown] == [5, 5, 5, 5, 3]
    durations = [event.duration_ns for event in History(database).events(Filter())]
    assert durations == [50] * 23


def test_a_reader_that_stays_bounds_the_wal_and_all_is_counted(database: Database) -> None:
    database.wait_for_lock(0)
    desk = busy(61, each=631)
    recording = Recording(database, MACHINE, "0", START_NS)
    wal = database.path.with_name(database.path.name + "-wal")
    sizes: list[int] = []
    with (
        closing(FreeSpace(database, 0, wal_max_bytes=1 << 20)) as space,
        closing(sqlite3.connect(database.path, isolation_level=None)) as reader,
    ):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM image").fetchone()
        desk.collector = Collector(desk.wiring(sink=recording, room=space))
        steps = {n: lambda: sizes.append(wal.stat().st_size) for n in range(41)}
        run_to(desk, {**steps, 41: lambda: reader.execute("COMMIT") and None}, 61)
    assert 1 << 20 < max(sizes) < 2 << 20
    lost = desk.collector.ledger.by_cause[Cause.WAL_BLOCKED]
    assert 0 < lost < 41 * 631
    assert desk.collector.storage.failure is None
    with database.reading() as connection:
        (run,) = connection.execute("SELECT seen, stored, lost FROM runs").fetchall()
        (loss,) = connection.execute("SELECT cause, lost FROM losses").fetchall()
        stored = scalar(connection, "SELECT count(*) FROM image WHERE id > 0")
    assert run == (61 * 631, 61 * 631 - lost, lost)
    assert (stored, loss) == (run[1], ("wal blocked", lost))


HOUR, DAY = 3_600 * SECOND, 86_400 * SECOND


@pytest.mark.parametrize("jump_ns", [-HOUR, DAY], ids=["back an hour", "forth a day"])
def test_a_clock_that_is_set_disturbs_neither_order_nor_durations(
    database: Database, jump_ns: int
) -> None:
    offset = START_NS
    rounds = [
        round_._replace(offset_ns=offset + (jump_ns if n >= 11 else 0))
        for n, round_ in enumerate(busy(23).rounds)
    ]
    rounds[5] = rounds[5]._replace(lost=3)
    rounds[17] = rounds[17]._replace(lost=5)
    image = (100 * SECOND, 23)  # of the first exec
    rounds[15].cpus[0].append(end(image, boot_ns=image[0] + SECOND))  # type: ignore[attr-defined]
    desk = Desk(rounds)
    desk.seen -= 1
    desk.collector = Collector(desk.wiring(sink=Recording(database, MACHINE, "0", START_NS)))
    desk.run(times=23)

    events = list(History(database).events(Filter()))
    assert [event.boot_ns for event in events] == sorted(event.boot_ns for event in events)
    assert {event.time_ns - event.boot_ns for event in events} == {offset, offset + jump_ns}
    assert events[0].duration_ns == SECOND
    with database.reading() as connection:
        (run,) = connection.execute("SELECT started_ns, ended_ns FROM runs").fetchall()
        (clock_set,) = connection.execute("SELECT before_ns, after_ns FROM clock_set").fetchall()
        found = connection.execute("SELECT from_ns, to_ns, lost FROM losses").fetchall()
    assert clock_set[1] - clock_set[0] == jump_ns
    recorded_ns = (clock_set[0] - run[0]) + (run[1] - clock_set[1])
    assert 2 * SECOND < recorded_ns < 3 * SECOND
    assert [lost for _, _, lost in found] == [3, 5]
    assert all(0 < to_ns - from_ns < SECOND for from_ns, to_ns, _ in found)
