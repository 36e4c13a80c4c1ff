"""Reading: every filter, the order, the limit, and pages that neither skip nor repeat."""

import signal
from collections.abc import Iterable
from itertools import islice
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execdb.store.event import REPLACED, End, Event, Exec, Place
from execdb.store.file.database import Database
from execdb.store.limits.bounds import Bounds
from execdb.store.limits.retention import Retention
from execdb.store.reading import history as module
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import BOOT_ID, START_NS, an_exec, counts, empty, recorded, some_creds


def pids(events: Iterable[Event]) -> list[int]:
    return [event.pid for event in events]


def matching(database: Database, **wanted: Any) -> list[int]:
    """The pids found; the count must say the same."""
    found = pids(History(database).events(Filter(**wanted)))
    assert History(database).count(Filter(**wanted)) == len(found)
    return found


ROOT, USER = some_creds(loginuid=501), some_creds(501, "Hi")
SETUID = some_creds(501, "", euid=0, loginuid=0)
SHELL = {"filename": "/bin/sh", "comm": "sh", "argv": ("sh", "-c", "make all")}


@pytest.fixture
def small(database: Database) -> Database:
    recorded(
        database,
        [
            an_exec(0, pid=2, ppid=1, creds=ROOT, **SHELL),
            an_exec(
                1,
                pid=3,
                ppid=2,
                creds=USER,
                place=Place("/", "/a.slice/b"),
                filename="/usr/bin/make",
                comm="make",
            ),
            an_exec(
                2,
                pid=5,
                ppid=3,
                creds=SETUID,
                errno="ENOENT",
                filename="./a[1].out",
                comm="a[1].out",
            ),
            an_exec(3, pid=3, ppid=1, creds=USER, filename="/bin/é", comm="É", argv=("é", 'a"b')),
            an_exec(4, pid=7, ppid=3, creds=ROOT, filename="/tmp/\udcff\udcfe", comm="\udcff"),
        ],
    )
    return database


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [2, 3, 5, 3, 7]),
        ({"uid": 0}, [2, 7]),
        ({"uid": 501}, [3, 5, 3]),
        ({"uid": 23}, []),
        ({"pid": 3}, [3, 3]),
        ({"pid": 0}, []),
        ({"ppid": 3}, [5, 7]),
        ({"comm": "make"}, [3]),
        ({"comm": "mak"}, []),
        ({"comm": "Make"}, []),
        ({"comm": "m*"}, [3]),
        ({"comm": "?"}, [3, 7]),
        ({"comm": "a[1].out"}, [5]),
        ({"comm": "a[1]*"}, [5]),
        ({"comm": "É"}, [3]),
        ({"comm": "\udcff"}, [7]),
        ({"path": "/bin/*"}, [2, 3]),
        ({"path": "./a[1].*"}, [5]),
        ({"path": "*[1]*"}, [5]),
        ({"path": "/*/?*"}, [2, 3, 3, 7]),
        ({"path": "/bin"}, []),
        ({"path": "/tmp/\udcff\udcfe"}, [7]),
        ({"path": "/tmp/*"}, [7]),
        ({"path": "/tmp/\udcff*"}, [7]),
        ({"path": "%"}, []),
        ({"message": "Hi"}, [3, 3]),
        ({"message": ""}, [5]),
        ({"message": "H*"}, []),
        ({"arg": "ake al"}, [2]),
        ({"arg": "é"}, [3]),
        ({"arg": 'a"b'}, [3]),
        ({"since_ns": START_NS + 3_000_000}, [3, 7]),
        ({"until_ns": START_NS + 3_000_000}, [2, 3, 5]),
        ({"since_ns": START_NS, "until_ns": START_NS}, []),
        ({"since_ns": -(1 << 63), "until_ns": (1 << 63) - 1}, [2, 3, 5, 3, 7]),
        ({"uid": 501, "pid": 3, "comm": "make"}, [3]),
        ({"uid": 0, "comm": "make"}, []),
        ({"loginuid": 501}, [2, 7]),
        ({"loginuid": 0}, [5]),
        ({"cgroup": "/a.slice/b"}, [3]),
        ({"cgroup": "/a.slice/*"}, [3]),
        ({"cgroup": "/a.slice"}, []),
        ({"failed": True}, [5]),
        ({"failed": False}, []),
        ({"running": True}, [2, 3, 3, 7]),
    ],
    ids=str,
)
def test_a_filter_keeps_what_it_names(
    small: Database, wanted: dict[str, Any], found: list[int]
) -> None:
    assert matching(small, **wanted) == found


OUTCOMES = {  # a status as wait(2) has it, or None: there is no end
    11: 0,
    13: 3 << 8,
    17: 255 << 8,
    19: signal.SIGKILL,
    23: signal.SIGSEGV | 0x80,  # with a core
    29: REPLACED,
    31: None,
}


def test_what_did_well_and_what_did_not(database: Database) -> None:
    """Images that run, or that another exec replaced, are neither."""
    execs = [an_exec(n, pid=pid) for n, pid in enumerate(OUTCOMES)]
    attempt = an_exec(len(execs), pid=37, errno="ENOENT")
    ends = [
        End(e.boot_ns + 1, (e.boot_ns, e.pid), status)
        for e in execs
        if (status := OUTCOMES[e.pid]) is not None
    ]
    recorded(database, [*execs, attempt]).write([], ends, counts(len(execs) + 1))
    assert matching(database, failed=True) == [13, 17, 19, 23, 37]
    assert matching(database, failed=False) == [11]
    assert matching(database, running=True) == [31]
    assert matching(database, failed=True, pid=19) == [19]
    assert matching(database) == [*OUTCOMES, 37]


def test_a_pattern_takes_each_byte_for_itself(small: Database) -> None:
    assert matching(small, path="/tmp/\udcfe*") == []


@pytest.mark.parametrize(
    ("argv", "text", "found"),
    [
        (("one", "two"), "onetwo", False),
        (("one", "two"), "one two", False),
        (("one", "two"), '", "', False),
        (("one", "two"), '["one', False),
        (("a\nb",), "\\n", False),
        (("a\nb",), "\n", True),
        (("a\nb",), "nb", False),
        (("a\\nb",), "\\nb", True),
        (("\udcff",), "udcff", False),
        (("\udcff",), "\udcff", True),
        (("\x1b[31m",), "001b", False),
        (("\x1b[31m",), "\x1b[31", True),
        (("\x7f",), "007f", False),
        (("tab\there",), "tab\there", True),
        (('say "hi"',), '"hi"', True),
        (("100%",), "0%", True),
        (("x_y",), "xay", False),
        (("🦀",), "🦀", True),
        (("Case",), "case", False),
        ((), "", False),
        (("",), "", True),
    ],
)
def test_text_is_found_within_one_argument(
    database: Database, argv: tuple[str, ...], text: str, found: bool
) -> None:
    recorded(database, [an_exec(pid=23, argv=argv)])
    assert matching(database, arg=text) == ([23] if found else [])


def test_an_event_is_whole(small: Database) -> None:
    first = next(History(small).events(Filter()))
    assert first._asdict() | {"id": 0} == first._asdict() | {
        "id": 0,
        "run_id": 1,
        "time_ns": START_NS,
        "boot_ns": 5_000_000_000,
        "boot_id": BOOT_ID,
        "host": "workshop",
        "pid": 2,
        "ppid": 1,
        "uid": 0,
        "euid": 0,
        "gid": 0,
        "loginuid": 501,
        "sessionid": None,
        "tty": None,
        "cwd": None,
        "cgroup": None,
        "ended": None,
        "comm": "sh",
        "filename": "/bin/sh",
        "argv": ("sh", "-c", "make all"),
        "argc": 3,
        "truncated": False,
        "message": "Hey root!",
        "errno": None,
        "caller": None,
        "exit_code": None,
        "signal": None,
        "duration_ns": None,
        "parent_id": None,
    }


def test_the_limit_keeps_the_latest_oldest_first(small: Database) -> None:
    assert pids(History(small).events(Filter(), limit=3)) == [5, 3, 7]
    assert pids(History(small).events(Filter(), limit=3, reverse=True)) == [7, 3, 5]
    assert pids(History(small).events(Filter(uid=501), limit=2)) == [5, 3]
    assert len(pids(History(small).events(Filter(), limit=23))) == 5


def test_time_decides_and_the_row_where_times_are_equal(database: Database) -> None:
    recorded(database, [an_exec(n, pid=n) for n in (7, 3, 7, 5)])
    assert pids(History(database).events(Filter())) == [3, 5, 7, 7]
    found = list(History(database).events(Filter(), reverse=True))
    assert [(event.pid, event.id) for event in found] == [(7, 3), (7, 1), (5, 4), (3, 2)]


@pytest.fixture
def large(database: Database) -> Database:
    """3,001 rows, 2,003 of them at the same nanosecond, on both sides of a page's end."""
    times = [START_NS + min(max(n - 499, 0), 1) + (n > 2_501) * n for n in range(3_001)]
    recorded(database, [an_exec(time_ns=time, pid=n) for n, time in enumerate(times)])
    return database


def test_pages_neither_skip_nor_repeat(large: Database) -> None:
    history = History(large)
    assert pids(history.events(Filter())) == list(range(3_001))
    assert pids(history.events(Filter(), reverse=True)) == list(range(3_001))[::-1]


@pytest.mark.parametrize("limit", [1, 503, 1_000, 1_009, 2_000, 2_003, 3_001, 4_001])
def test_pages_and_limit(large: Database, limit: int) -> None:
    history, latest = History(large), list(range(3_001))[-limit:]
    assert pids(history.events(Filter(), limit=limit)) == latest
    assert pids(history.events(Filter(), limit=limit, reverse=True)) == latest[::-1]


def test_a_limit_holds_while_more_is_recorded(large: Database) -> None:
    events = History(large).events(Filter(), limit=1_503)
    first = list(islice(events, 7))
    recorded(large, [an_exec(n, pid=n, time_ns=START_NS + 10**9 + n) for n in range(4_001, 4_024)])
    assert len(first) + len(list(events)) == 1_503


def test_a_reader_between_pages_holds_no_transaction(large: Database) -> None:
    events = History(large).events(Filter())
    next(events)
    with large.writing():  # the same connection: it would refuse within another transaction
        pass
    assert len(list(events)) == 3_000


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.lists(st.integers(0, 13), max_size=29), limit=st.integers(0, 31))
def test_a_limited_query_is_the_end_of_the_whole(
    database: Database, numbers: list[int], limit: int
) -> None:
    empty(database)
    recorded(database, []).write([an_exec(n) for n in numbers], [], counts(len(numbers)))
    history = History(database)
    whole = list(history.events(Filter()))
    assert pids(whole) == [1_000 + n for n in sorted(numbers)]
    assert list(history.events(Filter(), limit=limit)) == whole[-limit:]
    assert list(history.events(Filter(), limit=limit, reverse=True)) == whole[-limit:][::-1]


def at(number: int, hours: int = 0) -> Exec:
    """An exec, the clock set forth by so many hours."""
    event = an_exec(number)
    return event._replace(time_ns=event.time_ns + hours * 3_600 * 10**9)


def test_setting_the_clock_does_not_change_the_order(database: Database) -> None:
    recording = recorded(database, [at(1), at(2), at(3, -1), at(4, -1), at(5, 24)])
    recording.write([at(6, 24), at(7)], [], counts(7))
    history = History(database)
    assert pids(history.events(Filter())) == list(range(1_001, 1_008))
    assert pids(history.events(Filter(), limit=4, reverse=True)) == [1_007, 1_006, 1_005, 1_004]
    assert [e.time_ns for e in history.events(Filter(pid=1_003))] == [at(3, -1).time_ns]
    assert matching(database, until_ns=START_NS) == [1_003, 1_004]
    assert matching(database, since_ns=START_NS + 10**12) == [1_005, 1_006]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.lists(st.integers(0, 31), max_size=7), max_size=7),
    limit=st.integers(0, 23),
    since=st.integers(0, 31),
    until=st.integers(0, 31),
)
def test_batches_that_come_late_are_put_in_order(
    database: Database, batches: list[list[int]], limit: int, since: int, until: int
) -> None:
    empty(database)
    for numbers in batches:
        recorded(database, [an_exec(n) for n in sorted(numbers)])
    history = History(database)
    between = Filter(since_ns=an_exec(since).time_ns, until_ns=an_exec(until).time_ns)
    expected = sorted(1_000 + n for numbers in batches for n in numbers)
    assert pids(history.events(Filter(), limit=limit)) == expected[-limit:]
    assert pids(history.events(Filter(), limit=limit, reverse=True)) == expected[-limit:][::-1]
    with mock.patch.object(module, "PAGE", 2):  # a limit beyond is counted from the end first
        assert pids(history.events(Filter(), limit=limit)) == expected[-limit:]
    within = [pid for pid in expected if 1_000 + since <= pid < 1_000 + until]
    assert pids(history.events(between)) == within
    assert history.count(between) == len(within)
    for pid in {*expected[:3]}:
        assert matching(database, pid=pid) == [pid] * expected.count(pid)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_descendants_are_found_wherever_they_stand(database: Database, data: st.DataObject) -> None:
    empty(database)
    apart = data.draw(st.sampled_from([1, 37, 1_009]))
    parents = [data.draw(st.none() | st.integers(0, n - 1)) if n else None for n in range(13)]
    recording = recorded(database, [])
    for n, parent in enumerate(parents):
        key = None if parent is None else (an_exec(parent * apart).boot_ns, 1_000 + parent * apart)
        fill = [an_exec(n * apart + m, pid=7) for m in range(1, apart)]
        recording.write([an_exec(n * apart, parent=key), *fill], [], counts(0))
    below: dict[int, set[int]] = {n: set() for n in range(13)}
    for n, parent in enumerate(parents):
        while parent is not None:
            below[parent].add(1_000 + n * apart)
            parent = parents[parent]
    for n in range(13):
        assert set(matching(database, descendants_of=1 + n * apart)) == below[n]


def plan(database: Database, wanted: Filter) -> list[str]:
    """How SQLite goes about every statement of a query and its count."""
    statements: list[str] = []
    database.connection.set_trace_callback(statements.append)
    history = History(database)
    assert list(history.events(wanted, limit=3))
    assert history.count(wanted)
    database.connection.set_trace_callback(None)
    found = []
    for statement in {*statements}:
        if statement.startswith("SELECT"):
            rows = database.connection.execute(f"EXPLAIN QUERY PLAN {statement}")
            found += [row[3] for row in rows]
    return found


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(),
        Filter(uid=0),
        Filter(pid=1_007),
        Filter(comm="true"),
        Filter(path="/usr/bin/*"),
        Filter(arg="ru"),
        Filter(since_ns=START_NS, until_ns=START_NS + 10**9),
        Filter(descendants_of=1),
        Filter(uid=0, comm="t*", arg="ru", pid=1_007),
    ],
)
def test_no_question_reads_the_whole_table(database: Database, wanted: Filter) -> None:
    first = an_exec(0)
    rest = [an_exec(n, parent=(first.boot_ns, first.pid)) for n in range(1, 3_001)]
    recorded(database, [first, *rest])
    steps = plan(database, wanted)
    # Of the other tables' rows there are few.
    for table in ("image", "command", "argument", "origin_block", "program_block"):
        assert not [step for step in steps if step.startswith(f"SCAN {table}")]
    assert [step for step in steps if step.startswith("SEARCH image USING INTEGER PRIMARY KEY")]
    used = {"origin": wanted.uid is not None, "program": wanted.comm or wanted.path or wanted.arg}
    for name, asked in used.items():
        step = f"SEARCH {name}_block USING PRIMARY KEY ({name}_id=? AND block>? AND block<?)"
        assert (step in steps) == bool(asked and wanted.pid is None)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("wanted", [Filter(), Filter(uid=0), Filter(pid=7)])
def test_events_that_are_removed_before_they_are_read_are_noticed(
    database: Database, wanted: Filter, reverse: bool
) -> None:
    recorded(database, [an_exec(n, pid=7) for n in range(5_003)])
    history = History(database)
    assert len(list(history.events(wanted, reverse=reverse))) == 5_003
    assert not history.incomplete
    events = history.events(wanted, reverse=reverse)
    next(events)
    retention = Retention(database, Bounds(keep_ns=0, max_bytes=None))
    while retention.step(an_exec(4_000).time_ns) is not None:
        pass
    found = list(events)
    assert history.incomplete == (len(found) < 5_002)
    assert history.incomplete


def test_events_that_are_removed_once_they_were_read_are_not_missed(database: Database) -> None:
    recorded(database, [an_exec(n) for n in range(5_003)])
    history = History(database)
    events = history.events(Filter())
    for _ in range(3_000):
        next(events)
    retention = Retention(database, Bounds(keep_ns=0, max_bytes=None))
    while retention.step(an_exec(2_000).time_ns) is not None:
        pass
    assert len(list(events)) == 2_003
    assert not history.incomplete
