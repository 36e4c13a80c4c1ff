"""Events as an export has them, and what an import made of them."""

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from execdb.store.event import Event, text_of
from execdb.store.fields import to_dict
from execdb.store.file.database import Database
from execdb.store.json_text import json_of
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import an_event


def lines_of(events: Iterable[Event]) -> list[str]:
    return [json_of(to_dict(event)) + "\n" for event in events]


def history(database: Database) -> list[Event]:
    """The events, without what belongs to this file alone."""
    return [event._replace(id=0, run_id=0) for event in History(database).events(Filter())]


def identity(event: Event) -> tuple[object, ...]:
    return event.boot_id, event.boot_ns, event.pid, event.time_ns


def parents(database: Database) -> dict[int, int | None]:
    """Which pid started which, through the ids of this file."""
    events = list(History(database).events(Filter()))
    pid_of = {event.id: event.pid for event in events}
    return {e.pid: None if e.parent_id is None else pid_of[e.parent_id] for e in events}


def family_of_two(first_id: int = 1, at: int = 0, pid: int = 2, **changes: Any) -> list[Event]:
    """A shell, and what a subshell of it has started: its ppid is no pid of a row."""
    return [
        an_event(at, id=first_id, pid=pid, **changes),
        an_event(at + 1, id=first_id + 1, pid=pid + 1, ppid=9_999, parent_id=first_id, **changes),
    ]


U32 = st.integers(0, (1 << 32) - 1)
U63 = st.integers(0, (1 << 63) - 1)
TEXT = st.binary(max_size=17).map(lambda raw: text_of(raw.replace(b"\0", b"")))
ARGV = st.lists(st.one_of(TEXT, st.just("")), max_size=5).map(tuple)
EVENTS = st.lists(
    st.builds(
        an_event,
        time_ns=U63,
        boot_ns=U63,
        boot_id=st.sampled_from(["one", "é"]),
        host=st.sampled_from(["here", "日本"]),
        pid=U32,
        ppid=U32,
        uid=U32,
        euid=U32,
        gid=U32,
        comm=TEXT,
        filename=TEXT,
        argv=ARGV,
        message=TEXT,
        loginuid=st.none() | U32,
        sessionid=st.none() | U32,
        tty=st.none() | TEXT,
        cwd=st.none() | TEXT,
        cgroup=st.none() | TEXT,
        exe=st.none() | TEXT,
        exe_device=st.none() | TEXT,
        exe_inode=st.none() | U63,
        exe_deleted=st.booleans(),
        cwd_deleted=st.booleans(),
        container=st.none() | TEXT,
        pid_ns=st.none() | U32,
        mnt_ns=st.none() | U32,
        user_ns=st.none() | U32,
        ns_pid=U32,
        cpu_ns=st.none() | U63,
        max_rss_kb=st.none() | U63,
        errno=st.none() | st.just("ENOENT"),
        caller=st.none() | TEXT,
        id=st.just(0),
    ),
    max_size=7,
    unique_by=identity,
)
