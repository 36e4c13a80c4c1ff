"""What live replays by root started is left out, and nothing else is."""

import pytest

from execdb.livereplay.program import ROOT_PROGRAM as STUB_ROOT
from execdb.livereplay.sandbox.cgroup import BELOW, NAME
from execdb.store.account import Account
from execdb.store.event import End, Exec, Place, raw_of
from execdb.store.file.database import Database
from execdb.store.overview.statistics import statistics
from execdb.store.overview.timeline import Division, timeline
from execdb.store.reading.event_filter import EventFilter
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.reading.replays import replays_of
from execdb.store.replay_root import RECORDED_CGROUPS, REPLAY_CGROUP, ROOT_PROGRAM
from execdb.store.writing.recording import Recording
from tests.conftest import MACHINE, START_NS, an_exec, counts, some_creds

INSIDE, OUTSIDE = Place("/", "/execdb-replay-4711"), Place("/", "/system.slice/x.service")


def execs(inside: Place = INSIDE) -> list[Exec]:
    """1: before; 2: the root of a replay, until 6; 3: started by it; 4: another program meanwhile;
    5: started by 3."""
    root = {"filename": ROOT_PROGRAM, "comm": "execdb-replay", "creds": some_creds(0)}
    return [
        an_exec(1, place=OUTSIDE),
        an_exec(2, place=inside, **root),  # type: ignore[arg-type]
        an_exec(3, place=inside, parent=(an_exec(2).boot_ns, an_exec(2).pid)),
        an_exec(4, place=OUTSIDE),
        an_exec(5, place=inside, parent=(an_exec(3).boot_ns, an_exec(3).pid)),
    ]


def store(database: Database, rows: list[Exec], ended: bool = True) -> History:
    recording = Recording(database, MACHINE, "0", START_NS)
    root = an_exec(2)
    ends = [End(an_exec(6).boot_ns, (root.boot_ns, root.pid), 0)] if ended else []
    recording.write(rows, ends, counts(len(rows)), Account(alive_ns=an_exec(9_999).time_ns))
    return History(database)


def ids(history: History, wanted: Filter) -> list[int]:
    found = [event.id for event in history.events(wanted)]
    assert history.count(wanted) == len(found)
    (all_of_it,) = [*statistics(history, wanted, ["host"]).values()]
    assert all_of_it.runs == len(found)
    drawn = timeline(history, wanted, (START_NS, an_exec(9_999).time_ns), Division(10**9))
    assert sum(each.count.execs for each in drawn) == len(found)
    return found


@pytest.mark.parametrize("below", ["", "/in", "/in/docker/0123", "/in/a\nb", "/in/é"])
def test_what_a_replay_started_is_left_out_unless_asked_for(database: Database, below: str) -> None:
    history = store(database, execs(Place("/", f"/execdb-replay-4711{below}")))
    assert ids(history, Filter()) == [1, 4]
    assert ids(history, Filter(replays=True)) == [1, 2, 3, 4, 5]
    assert ids(history, Filter(descendants_of=(2,), replays=True)) == [3, 5]


@pytest.mark.parametrize(
    "cgroup",
    [
        None,
        "/",
        f"/docker/{'a' * 64}/execdb-replay-4711",  # a container's root
        "/user.slice/user-1000.slice/execdb-replay-4711",
        "/execdb-replay-4711/below",
        "/execdb-replay-4711/inside",
        "/execdb-replay-/in",
        "/execdb-replay-4711/in/\udcff",  # live replay makes none that is not UTF-8
        "/execdb-replay-4711x",
        "/execdb-replay-",
        "/Execdb-replay-4711",
        "/execdb-replay-4711\n",
    ],
)
def test_nobody_but_root_hides_behind_a_name(database: Database, cgroup: str | None) -> None:
    """The file and the name of the program at the root prove nothing."""
    history = store(database, execs(Place("/", cgroup)))
    assert ids(history, Filter()) == [1, 2, 3, 4, 5]
    asked = EventFilter(Filter())
    assert all(asked.may_want(event) for event in history.events(Filter()))
    with database.reading() as connection:
        assert list(replays_of(connection)) == []


def test_a_replay_outside_of_all_segments_breaks_no_question(database: Database) -> None:
    history = store(database, execs())
    database.connection.execute("UPDATE segment SET last_id = 1")
    assert [event.id for event in history.events(Filter())] == [1]


def test_thousands_of_replays_cost_no_more_than_one(database: Database) -> None:
    roots = [
        an_exec(number, place=Place("/", f"/execdb-replay-{number}"), filename=ROOT_PROGRAM)
        for number in range(1, 1_203)
    ]
    assert ids(store(database, [*roots, an_exec(1_203, place=OUTSIDE)]), Filter()) == [1_203]


def test_when_it_ran_is_known(database: Database) -> None:
    store(database, execs())
    with database.reading() as connection:
        (found,) = replays_of(connection)
    assert (found.id, found.from_ns, found.to_ns) == (2, an_exec(2).time_ns, an_exec(6).time_ns)


def test_what_comes_is_left_out_as_well(database: Database) -> None:
    events = list(store(database, execs()).events(Filter(replays=True)))
    asked = EventFilter(Filter())
    assert [event.id for event in events if asked.may_want(event)] == [1, 4]
    asked = EventFilter(Filter(replays=True))
    assert all(asked.may_want(event) for event in events)


def test_the_names_are_those_of_live_replay() -> None:
    assert raw_of(ROOT_PROGRAM) == STUB_ROOT
    assert f"/{NAME}" == REPLAY_CGROUP
    assert f"/{BELOW}" == RECORDED_CGROUPS
