"""Reading: every filter, the order, the limit, and pages that neither skip nor repeat."""

from typing import Any

import pytest

from execdb.store.file.database import Database
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import BOOT_ID, START_NS, a_filter, an_exec, recorded
from tests.store.reading.histories import matching, pids


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
        "ns_pid": 2,
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
        "exe": None,
        "exe_device": None,
        "exe_inode": None,
        "exe_deleted": False,
        "cwd_deleted": False,
        "container": None,
        "pid_ns": None,
        "mnt_ns": None,
        "user_ns": None,
        "cpu_ns": None,
        "max_rss_kb": None,
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
    assert pids(History(small).events(a_filter(uid=501), limit=2)) == [5, 3]
    assert len(pids(History(small).events(Filter(), limit=23))) == 5


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
        a_filter(uid=0),
        a_filter(pid=1_007),
        a_filter(comm="true"),
        a_filter(path="/usr/bin/*"),
        a_filter(arg="ru"),
        Filter(since_ns=START_NS, until_ns=START_NS + 10**9),
        Filter(descendants_of=(1,)),
        a_filter(uid=0, comm="t*", arg="ru", pid=1_007),
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
    asked_of = {term.field for term in wanted.terms}
    used = {"origin": {"uid"} & asked_of, "program": {"comm", "filename", "argv"} & asked_of}
    keys = {name: f"{name}_id" for name in used} | {"pid": "pids"}
    for name, asked in {**used, "pid": {"pid"} & asked_of}.items():
        step = f"SEARCH {name}_block USING PRIMARY KEY ({keys[name]}=? AND block>? AND block<?)"
        assert (step in steps) == bool(asked)
