"""A small history that the tests of this folder ask."""

import pytest

from execdb.store.event import Place
from execdb.store.file.database import Database
from tests.conftest import an_exec, recorded
from tests.store.reading.histories import ROOT, SETUID, SHELL, USER


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
