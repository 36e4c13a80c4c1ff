"""The disk of the central store's log of transactions is full, which ends all of the server's
processes: the forwarder waits, and catches up when there is room."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from execdb.store.central.tables.upgrade import upgrade
from execdb.store.central.url import CentralUrl
from tests.central.conftest import Central, a_server, with_logins
from tests.central.server import wait_until
from tests.central.shippers import end, ship, shipped, shipping
from tests.central.stores import Recorder, an_end, assert_shipped, some_execs
from tests.processes.process import Process

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system: needs root")

# In a mount namespace that lasts as long as this process, over restarts of the server.
_MOUNT = """
mount -t tmpfs -o size=64m small "$1" && cp -a "$2/." "$1" && chown --reference "$2" "$1" &&
chmod 700 "$1" && mount --bind "$1" "$2" && echo mounted && cat
"""
_SEGMENT = 16 << 20
_OFFSET = "SELECT file_offset FROM pg_walfile_name_offset(pg_current_wal_insert_lsn())"
_NAME = "SELECT pg_walfile_name(pg_current_wal_insert_lsn())"
_WRITE = "SELECT pg_logical_emit_message(false, 'x', repeat('x', 100000))"


class Small(NamedTuple):
    """A store whose log is on a small disk, which is to be seen here at `log`."""

    central: Central
    log: Path


@pytest.fixture
def small() -> Iterator[Small]:
    with a_server() as server:
        place, log = server.folder / "small", server.data / "pg_wal"
        place.mkdir()
        server.configure(min_wal_size="32MB", max_wal_size="32MB")
        command = ["unshare", "-m", "sh", "-c", _MOUNT, "sh", str(place), str(log)]
        with Process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as mount:
            assert mount.stdout is not None
            assert mount.stdout.readline() == b"mounted\n"
            server.wrap = ("nsenter", "-m", "-t", str(mount.pid))
            with_logins(server)
            with server.connect() as connection:
                connection.execute(b"CREATE DATABASE small")
            upgrade(CentralUrl(server.url("small")))
            yield Small(Central(server, "small"), Path(f"/proc/{mount.pid}/root{place}"))
            with suppress(AssertionError):
                server.stop("immediate")


@pytest.mark.thorough
def test_what_a_server_could_not_log_comes_when_there_is_room(
    small: Small, own_database: Path
) -> None:
    central = small.central
    recorder, execs = Recorder(own_database), some_execs(6_007)
    recorder.write(execs[:101])
    with shipping(own_database, central.url) as process:
        wait_until(lambda: shipped(central) == 101)
        ballast = _fill(small)
        recorder.write(execs[101:3_001], [an_end(each) for each in execs[:50]])
        recorder.write(execs[3_001:])
        log = central.server.folder / "log"
        wait_until(lambda: "PANIC" in log.read_text())
        assert "No space left on device" in log.read_text()
        assert process.poll() is None
        ballast.unlink()
        with suppress(AssertionError):  # it may have started itself again
            central.server.start()
        wait_until(lambda: _shipped(central) == 6_007)
        said = end(process)
    assert [line.rpartition("; ")[2] for line in said[:1]] == ["trying again"]
    assert said[-1] == "shipping again"
    ship(own_database, central.url)  # ends that were still to come
    assert_shipped(central, own_database)


def _fill(small: Small) -> Path:
    """Until less than 1 MB is left: of the file that is written to, and of the disk nothing."""
    while small.central.value(_OFFSET) < _SEGMENT - (1 << 20):
        small.central.rows(_WRITE)
    current = small.central.value(_NAME)
    for later in small.log.glob("0*"):
        if later.name > current:
            later.unlink()
    ballast = small.log / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(1 << 16)):
            pass
    return ballast


def _shipped(central: Central) -> int:
    with suppress(psycopg.OperationalError):  # it may be starting
        return shipped(central)
    return -1
