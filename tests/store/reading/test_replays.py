"""What live replays by root started is left out, and nothing else is."""

from execdb.livereplay.program import ROOT_PROGRAM as STUB_ROOT
from execdb.store.account import Account
from execdb.store.event import End, Exec, Place, raw_of
from execdb.store.file.database import Database
from execdb.store.overview.statistics import statistics
from execdb.store.overview.timeline import Division, timeline
from execdb.store.reading.event_filter import EventFilter
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.reading.replays import replays_of
from execdb.store.replay_root import ROOT_PROGRAM
from execdb.store.writing.recording import Recording
from tests.conftest import MACHINE, START_NS, an_exec, counts, some_creds

INSIDE, OUTSIDE = Place("/", None, mnt_ns=4026532999), Place("/", None)


def execs(uid: int = 0) -> list[Exec]:
    """1: before; 2: the root of a replay, until 6; 3: started by it; 4: another program meanwhile;
    5: started by 3; 7: later, in a namespace that got the same number."""
    root = {"filename": ROOT_PROGRAM, "comm": "execdb-replay", "creds": some_creds(uid)}
    return [
        an_exec(1, place=OUTSIDE),
        an_exec(2, place=INSIDE, **root),  # type: ignore[arg-type]
        an_exec(3, place=INSIDE, parent=(an_exec(2).boot_ns, an_exec(2).pid)),
        an_exec(4, place=OUTSIDE),
        an_exec(5, place=INSIDE, parent=(an_exec(3).boot_ns, an_exec(3).pid)),
        an_exec(7, place=INSIDE),
    ]


def store(database: Database, rows: list[Exec], ended: bool = True) -> History:
    recording = Recording(database, MACHINE, "0", START_NS)
    root = an_exec(2)
    ends = [End(an_exec(6).boot_ns, (root.boot_ns, root.pid), 0)] if ended else []
    recording.write(rows, ends, counts(len(rows)), Account(alive_ns=an_exec(9).time_ns))
    return History(database)


def ids(history: History, wanted: Filter) -> list[int]:
    found = [event.id for event in history.events(wanted)]
    assert history.count(wanted) == len(found)
    (all_of_it,) = [*statistics(history, wanted, ["host"]).values()]
    assert all_of_it.runs == len(found)
    drawn = timeline(history, wanted, (START_NS, an_exec(9).time_ns), Division(10**9))
    assert sum(each.count.execs for each in drawn) == len(found)
    return found


def test_what_a_replay_started_is_left_out_unless_asked_for(database: Database) -> None:
    history = store(database, execs())
    assert ids(history, Filter()) == [1, 4, 6]
    assert ids(history, Filter(replays=True)) == [1, 2, 3, 4, 5, 6]
    assert [event.id for event in history.events(Filter(descendants_of=2, replays=True))] == [3, 5]


def test_while_it_runs_all_of_its_namespace_is(database: Database) -> None:
    assert ids(store(database, execs(), ended=False), Filter()) == [1, 4]


def test_nobody_but_root_hides_behind_the_name(database: Database) -> None:
    history = store(database, execs(uid=1000))
    assert ids(history, Filter()) == [1, 2, 3, 4, 5, 6]
    with database.reading() as connection:
        assert list(replays_of(connection)) == []


def test_a_replay_outside_of_all_segments_in_a_file_that_was_tampered_with_is_none(
    database: Database,
) -> None:
    history = store(database, execs())
    database.connection.execute("UPDATE segment SET last_id = 1")
    with database.reading() as connection:
        assert list(replays_of(connection)) == []
    assert [event.id for event in history.events(Filter())] == [1]


def test_when_it_ran_is_known(database: Database) -> None:
    store(database, execs())
    with database.reading() as connection:
        (found,) = replays_of(connection)
    assert (found.id, found.from_ns, found.to_ns) == (2, an_exec(2).time_ns, an_exec(6).time_ns)


def test_what_comes_is_left_out_as_well(database: Database) -> None:
    events = list(store(database, execs()).events(Filter(replays=True)))
    asked = EventFilter(Filter())
    assert [event.id for event in events if asked.may_want(event)] == [1, 4, 6]
    asked = EventFilter(Filter(replays=True))
    assert all(asked.may_want(event) for event in events)


def test_the_name_is_that_of_live_replay() -> None:
    assert raw_of(ROOT_PROGRAM) == STUB_ROOT
