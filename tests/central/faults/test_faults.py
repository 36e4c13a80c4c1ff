"""What goes wrong between a file and its central store: afterwards every row is there once."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from execdb.store.central.errors import CentralError, PartitionMissing
from execdb.store.limits.removal import oldest_segment, remove_rows
from tests.central.conftest import Central
from tests.central.proxy import Proxy
from tests.central.shippers import BOOT_ID, a_shipper, all_of, ship
from tests.central.stores import (
    RECENT_NS,
    Recorder,
    an_end,
    assert_shipped,
    central_events,
    local_events,
    some_execs,
)
from tests.conftest import MACHINE
from tests.processes.process import join
from tests.running.thorough import first

HERE = replace(MACHINE, boot_id=BOOT_ID)


PARTITIONS = (
    "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhparent"
    " WHERE relkind = 'p'"
)


@pytest.fixture
def recorder(own_database: Path) -> Iterator[Recorder]:
    recorder = Recorder(own_database)
    yield recorder
    recorder.close()


@pytest.fixture
def proxy(central: Central) -> Iterator[Proxy]:
    with closing(Proxy(central.server.port)) as proxy:
        yield proxy


def through(central: Central, proxy: Proxy) -> str:
    """Without TLS, so that the proxy can see what is said."""
    url = central.server.url(central.name, "web1", proxy.port)
    return url.partition("?")[0] + "?sslmode=disable"


def test_the_answer_to_a_commit_is_swallowed(
    central: Central, recorder: Recorder, proxy: Proxy, own_database: Path
) -> None:
    recorder.write(some_execs(101))
    with closing(a_shipper(recorder.database, through(central, proxy))) as shipper:
        proxy.swallow_commit = True
        with pytest.raises(CentralError):
            all_of(shipper)
    assert not proxy.swallow_commit
    assert_shipped(central, own_database)  # it had arrived
    assert sum(shipped.events for shipped in ship(own_database, central.url)) == 0
    assert_shipped(central, own_database)


@pytest.mark.parametrize("after", first(1, [40_000, 200_000, 400_000]))
def test_the_network_is_cut(
    central: Central, recorder: Recorder, proxy: Proxy, own_database: Path, after: int
) -> None:
    recorder.write(some_execs(2_503))
    proxy.cut_after = after
    with pytest.raises(CentralError):
        ship(own_database, through(central, proxy))
    ship(own_database, central.url)
    assert_shipped(central, own_database)


def test_the_network_goes_silent(
    central: Central, recorder: Recorder, proxy: Proxy, own_database: Path
) -> None:
    recorder.write(some_execs(101))
    with closing(a_shipper(recorder.database, through(central, proxy), answer_s=0.5)) as shipper:
        proxy.silent = True
        begun_s = time.monotonic()
        with pytest.raises(CentralError, match=r"has not answered for 0\.5 s"):
            all_of(shipper)
        assert time.monotonic() - begun_s < 30  # it would wait for minutes
    ship(own_database, central.url)
    assert_shipped(central, own_database)


def test_two_forwarders_ship_the_same_file(
    central: Central, recorder: Recorder, own_database: Path
) -> None:
    for part in range(4):
        recorder.write(some_execs(1_009, part * 1_009))
    failures: list[Exception] = []

    def forward() -> None:
        try:
            ship(own_database, central.url)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=forward, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        join(thread)
    assert failures == []
    assert_shipped(central, own_database)


def test_a_store_restored_from_an_older_backup_gets_again_what_it_lacks(
    central: Central, recorder: Recorder, own_database: Path
) -> None:
    execs = some_execs(401)
    recorder.write(execs[:200])
    ship(own_database, central.url)
    older = Central(central.server, f"{central.name}_older")
    with central.server.connect() as connection:
        connection.execute(f"CREATE DATABASE {older.name} TEMPLATE {central.name}".encode())
    recorder.write(execs[200:], [an_end(each) for each in execs[:100]])
    ship(own_database, central.url)
    ship(own_database, older.url)
    assert_shipped(central, own_database)
    assert_shipped(older, own_database)


def test_a_partition_is_dropped_while_shipping(
    central: Central, recorder: Recorder, own_database: Path
) -> None:
    execs = some_execs(53)
    recorder.write(execs[:23])
    with closing(a_shipper(recorder.database, central.url)) as shipper:
        all_of(shipper)
        for (name,) in central.rows(PARTITIONS):
            central.rows(f"DROP TABLE {name}")
        recorder.write(execs[23:], [an_end(each) for each in execs[:11]])
        with pytest.raises(PartitionMissing):
            all_of(shipper)
    ship(own_database, central.url)
    assert central_events(central) == local_events(own_database)[23:]
    assert central.value("SELECT shipped FROM execdb.run") == 53


def test_rows_that_were_pruned_before_they_were_shipped_are_counted(
    central: Central, recorder: Recorder, own_database: Path
) -> None:
    recorder.write(some_execs(997))
    with recorder.database.writing() as connection:
        segment = oldest_segment(connection)
        assert segment is not None
        remove_rows(connection, segment, [(1, 101), (307, 311)])
    ship(own_database, central.url)
    assert_shipped(central, own_database)
    row = central.rows("SELECT stored, shipped, unshipped, pruned FROM execdb.run")
    assert row == [(997, 891, 106, 106)]


@pytest.mark.parametrize(("years", "in_days"), first(1, [(1, 0), (-1, 23), (-50, 0)]))
def test_a_clock_that_is_years_off(
    central: Central, recorder: Recorder, own_database: Path, years: int, in_days: int
) -> None:
    execs = some_execs(23, at_ns=RECENT_NS + years * 365 * 86_400 * 10**9)
    recorder.write(execs)
    ship(own_database, central.url)
    recorder.write([], [an_end(each) for each in execs[:5]])
    ship(own_database, central.url)
    assert_shipped(central, own_database)
    assert central.value("SELECT count(*) FROM execdb.exec") == in_days  # no far partitions


def test_a_program_ends_weeks_later_in_another_run(central: Central, own_database: Path) -> None:
    first = Recorder(own_database, HERE)
    long_lived = some_execs(3)
    first.write(long_lived)
    first.finish()
    ship(own_database, central.url)
    second = Recorder(own_database, HERE)
    second.recording.know(long_lived)
    second.write(some_execs(2, 50), [an_end(each) for each in long_lived[:2]])
    ship(own_database, central.url)
    assert [row["exit_code"] for row in central_events(central)] == [1, 1, None, None, None]
    assert_shipped(central, own_database)
    second.close()


def test_an_old_boot_is_complete_in_the_store(central: Central, own_database: Path) -> None:
    recorder = Recorder(own_database)
    recorder.write(some_execs(3))
    recorder.finish()
    ship(own_database, central.url)
    assert central.rows("SELECT complete, shipped FROM execdb.run") == [(True, 3)]
