"""What the tests of this folder share."""

from collections.abc import Iterable
from typing import Any

import pytest

from execdb.store.event import Event, Place
from execdb.store.file.database import Database
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import an_exec, recorded, some_creds


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
