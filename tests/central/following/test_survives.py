"""query --follow of a central store: what happens to the server, the store and the clocks
meanwhile."""

import json
from pathlib import Path

import psycopg
import pytest

from tests.central.conftest import READER, Central
from tests.central.following.conftest import Follow, Host, ids
from tests.central.pooler import pooler
from tests.central.proxy import Proxy
from tests.central.server import wait_until
from tests.central.stores import RECENT_NS, an_end, some_execs
from tests.conftest import an_exec
from tests.processes.cpu import cpu_s

DAY_NS = 86_400 * 10**9


def test_a_server_that_restarts_loses_and_doubles_nothing(
    central: Central, follow: Follow, web1: Host
) -> None:
    it = follow("--format", "ndjson")
    web1.ship(some_execs(7, 5))
    assert ids(it.shows(7)) == [*range(6, 13)]
    central.server.kill()
    it.says("; trying again\n")
    central.server.start()
    web1.ship(some_execs(11, 12))
    assert ids(it.shows(11)) == [*range(13, 24)]
    it.says("following again\n")
    web1.ship(some_execs(1, 23))
    assert ids(it.shows(1)) == [24]
    assert it.ends() == 0
    assert it.err.count("\n") == 2


def test_ctrl_c_ends_it_while_the_server_is_down(
    central: Central, follow: Follow, web1: Host
) -> None:
    it = follow()
    central.server.kill()
    try:
        it.says("; trying again\n")
        assert it.ends() == 0
    finally:
        central.server.start()


def test_a_connection_that_is_cut_is_made_again(
    central: Central, follow: Follow, web1: Host
) -> None:
    proxy = Proxy(central.server.port)
    it = follow("--format", "ndjson", url=central.server.url(central.name, READER, proxy.port))
    web1.recorder.write(some_execs(997, 5))
    proxy.cut_after = 2_500  # in the midst of a look, or of what it has found
    for number in range(3):
        web1.ship(some_execs(1, 2_000 + number))
        it.shows(998 if not number else 1)
    it.says("; trying again\n")
    wait_until(lambda: it.err.endswith("following again\n"))
    assert ids(it.out) == [*range(6, 1_006)]
    proxy.close()


def test_rights_that_are_taken_away_end_it_with_a_line(
    central: Central, follow: Follow, web1: Host
) -> None:
    it = follow()
    central.rows("REVOKE SELECT ON execdb.run FROM execdb_reader")
    assert it.process.wait(60) == 1
    assert it.err.count("\n") == 1
    assert "permission denied" in it.err


def test_a_day_that_is_dropped_meanwhile_is_said(
    central: Central, follow: Follow, web1: Host
) -> None:
    old = [each._replace(time_ns=each.time_ns - 40 * DAY_NS) for each in some_execs(3, 900)]
    it = follow("--format", "ndjson", "--strict")
    with it.paused(central):
        web1.ship([*old, *some_execs(2, 5)])
        name = "SELECT min(relname) FROM pg_class WHERE relname ~ '^exec_[0-9]{8}$'"
        central.rows(f"DROP TABLE execdb.{central.value(name)}")
    assert ids(it.shows(2)) == [9, 10]
    it.says("note: some execs were pruned before they could be read")
    web1.ship(some_execs(2, 7))
    assert ids(it.shows(2)) == [11, 12]
    assert it.ends() == 3


def test_clocks_that_are_set_back_hide_nothing(
    central: Central, follow: Follow, web1: Host
) -> None:
    it = follow("--format", "ndjson")
    back = [
        each._replace(time_ns=each.time_ns - days * DAY_NS)
        for days, each in zip((1, 0, 300, 0, 40, 0), some_execs(6, 5), strict=True)
    ]
    never = an_exec(20, time_ns=RECENT_NS - 9_000 * DAY_NS)
    web1.ship([*back, never])
    assert sorted(ids(it.shows(7))) == [*range(6, 13)]
    web1.ship(some_execs(3, 30))
    assert ids(it.shows(3)) == [13, 14, 15]
    assert it.ends() == 0
    assert it.err == ""


def test_a_forged_cursor_does_not_keep_it_busy(
    central: Central, follow: Follow, web1: Host, tmp_path: Path
) -> None:
    web2 = Host(tmp_path, "web2", central.url)
    it = follow("--format", "ndjson")
    central.rows(f"UPDATE execdb.run SET shipped_id = {1 << 62}, shipped = {1 << 50}")
    it.says("were pruned")
    web2.ship(some_execs(3))
    assert ids(it.shows(3)) == [1, 2, 3]
    before_s = cpu_s(it.process.pid)
    web2.ship(some_execs(2, 3))
    it.shows(2)
    assert cpu_s(it.process.pid) - before_s < 0.5


def test_what_is_new_is_read_without_the_days_before(
    central: Central, follow: Follow, web1: Host
) -> None:
    """Old days are locked: whoever reads, or only plans to read them, waits."""
    days = [40, 9, 2]
    for day in days:
        long_ago = an_exec(900 + day, time_ns=RECENT_NS - day * DAY_NS)
        web1.ship([long_ago], [an_end(long_ago)])
    web1.ship(some_execs(5, 5))
    it = follow("--format", "ndjson", "--ends")
    new = some_execs(3, 10)
    with it.paused(central):
        web1.ship(new[:2], [an_end(new[0])])
        web1.ship(new[2:], [an_end(new[1])])
        with psycopg.connect(central.admin) as connection:
            old = [
                row[0]
                for row in connection.execute(
                    "SELECT relname FROM pg_class WHERE relname ~ '^exec(_end)?_[0-9]{8}$'"
                    " AND right(relname, 8) < to_char(now() - interval '25 hours', 'YYYYMMDD')"
                )
            ]
            assert len(old) == 2 * len(days)
            for name in old:
                connection.execute(f"LOCK TABLE execdb.{name}".encode())
            it.resume()
            assert len(it.shows(5)) == 5
    assert it.err == ""


@pytest.mark.thorough
def test_many_follow_through_a_pooler_with_few_processes(
    central: Central, follow: Follow, web1: Host
) -> None:
    with pooler(central.server, processes=1) as pool:
        url = pool.url(central.name, READER)
        several = [follow.start("--limit", "1", "--format", "ndjson", url=url) for _ in range(3)]
        for it in several:
            assert ids(it.shows(1)) == [5]
        web1.ship(some_execs(211, 5))
        for it in several:
            assert ids(it.shows(211)) == [*range(6, 217)]
            assert it.ends() == 0


def test_memory_is_bounded(central: Central, follow: Follow, tmp_path: Path) -> None:
    it = follow("--format", "ndjson", "--ends")
    hosts = [Host(tmp_path, f"h{number}", central.url) for number in range(7)]
    long = ("true", "x" * 60_000)
    for host in hosts:
        execs = [
            each._replace(start=each.start._replace(command=each.command._replace(argv=long)))
            for each in some_execs(101)
        ]
        host.recorder.write(execs)
    with it.paused(central):
        for host in hosts:
            host.ship()
    wait_until(lambda: len(it.out) >= 7 * 101, 120)
    peak_kb = int(Path(f"/proc/{it.process.pid}/status").read_text().split("VmHWM:")[1].split()[0])
    assert peak_kb < 100_000
    assert {json.loads(line)["host"] for line in it.out} == {host.machine.host for host in hosts}
