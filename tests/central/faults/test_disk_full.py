"""The disk of the central store is full: the forwarder waits, and catches up when there is room."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from execdb.store.central.tables.upgrade import upgrade
from execdb.store.central.url import CentralUrl
from tests.central.conftest import Central, a_server, with_logins
from tests.central.server import wait_until
from tests.central.shippers import end, ship, shipped, shipping
from tests.central.stores import Recorder, an_end, assert_shipped, some_execs

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system: needs root")

# In a mount namespace that the server alone is in, so it goes with the server.
_MOUNT = """
mount -t tmpfs -o size=48m small "$1" && chown --reference "$1/.." "$1" && shift && exec "$@"
"""
_FILL = "INSERT INTO ballast SELECT repeat('x', 2000) FROM generate_series(1, 500)"


@pytest.fixture
def small() -> Iterator[Central]:
    """A store on a small disk, but for the server's log of transactions."""
    with a_server() as server:
        place = server.folder / "small"
        place.mkdir()
        server.wrap = ("unshare", "-m", "sh", "-c", _MOUNT, "sh", str(place))
        with_logins(server)
        with server.connect() as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{place}'".encode())
            connection.execute(b"CREATE DATABASE small TABLESPACE small")
        upgrade(CentralUrl(server.url("small")))
        yield Central(server, "small")


def test_what_did_not_fit_comes_when_there_is_room(small: Central, own_database: Path) -> None:
    recorder, execs = Recorder(own_database), some_execs(6_007)
    recorder.write(execs[:101])
    with shipping(own_database, small.url) as process:
        wait_until(lambda: shipped(small) == 101)
        _fill(small)
        recorder.write(execs[101:3_001], [an_end(each) for each in execs[:50]])
        recorder.write(execs[3_001:])
        log = small.server.folder / "log"
        wait_until(lambda: log.read_text().count("No space left on device") > 4)
        assert process.poll() is None
        small.rows("DROP TABLE ballast")
        wait_until(lambda: shipped(small) == 6_007)
        said = end(process)
    assert [line.partition(": ")[2].rpartition(": ")[2] for line in said[:1]] == [
        "the server's disk is full; trying again"
    ]
    assert said[1:] == ["shipping again"]
    ship(own_database, small.url)  # ends that were still to come
    assert_shipped(small, own_database)


def _fill(central: Central) -> None:
    central.rows("CREATE TABLE ballast (x text)")
    with suppress(psycopg.errors.DiskFull):
        while True:
            central.rows(_FILL)
