"""A store that is away, or replaced, while a forwarder goes on: nothing is missing then."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.central.conftest import Central
from tests.central.server import wait_until
from tests.central.shippers import end, ship, shipped, shipping
from tests.central.stores import Recorder, an_end, assert_shipped, some_execs
from tests.conftest import Answer
from tests.running.thorough import first

Run = Callable[..., Answer]
DAY_NS = 86_400 * 10**9
TODAY_NS = time.time_ns() // DAY_NS * DAY_NS  # midnight (UTC)
CUT = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE application_name = 'execdb ship'"
)


@pytest.mark.thorough
def test_an_outage_over_midnight(central: Central, own_database: Path) -> None:
    recorder, execs = Recorder(own_database), some_execs(401, at_ns=TODAY_NS - 200_000_000)
    recorder.write(execs[:101])
    with shipping(own_database, central.url) as process:
        wait_until(lambda: shipped(central) == 101)
        central.server.kill()
        recorder.write(execs[101:], [an_end(each) for each in execs[:300]])
        central.server.start()
        wait_until(lambda: shipped(central) == 401)
        assert end(process)[-1] == "shipping again"
    ship(own_database, central.url)  # ends that were still to come
    assert_shipped(central, own_database)
    days = central.rows("SELECT count(*) FROM execdb.exec GROUP BY time::date ORDER BY time::date")
    assert days == [(200,), (201,)]


def test_an_outage_that_was_longer_than_the_store_keeps_days(
    central: Central, run: Run, own_database: Path
) -> None:
    recorder = Recorder(own_database)
    for number, days_ago in enumerate((500, 100, 1)):
        execs = some_execs(23, 100 * number, at_ns=TODAY_NS - days_ago * DAY_NS + 10**9)
        recorder.write(execs, [an_end(execs[0])])
    prune = ("prune", "--db", central.admin, "--older-than", "90d")
    assert run(*prune).out.startswith("removed 0 execs")
    ship(own_database, central.url)
    assert_shipped(central, own_database)
    assert run(*prune).out.splitlines()[-1].startswith("removed 23 execs of 1 day")
    assert sum(each.events + each.ends for each in ship(own_database, central.url)) == 0
    assert central.value("SELECT count(*) FROM execdb.execs") == 46
    assert central.value("SELECT sum(events) FROM execdb.dropped") == 23
    assert central.rows("SELECT shipped, unshipped FROM execdb.run") == [(69, 0)]


def test_the_end_of_a_program_whose_day_was_removed_meanwhile(
    central: Central, run: Run, own_database: Path
) -> None:
    recorder = Recorder(own_database)
    old = some_execs(3, at_ns=TODAY_NS - 100 * DAY_NS)
    recorder.write([*old, *some_execs(2, 50)])
    with shipping(own_database, central.url) as process:
        wait_until(lambda: shipped(central) == 5)
        assert run("prune", "--db", central.admin, "--older-than", "90d").code == 0
        recorder.write(some_execs(7, 100), [an_end(each) for each in old])
        wait_until(lambda: shipped(central) == 12)
        end(process)
    assert central.value("SELECT count(*) FROM execdb.execs") == 9
    assert central.value("SELECT count(*) FROM execdb.exec_end") == 0


@pytest.mark.thorough
def test_an_older_backup_takes_the_place_of_the_store(central: Central, own_database: Path) -> None:
    recorder, execs = Recorder(own_database), some_execs(401)
    recorder.write(execs[:200])
    ship(own_database, central.url)
    backup = f"{central.name}_backup"
    with central.server.connect() as connection:
        connection.execute(f"CREATE DATABASE {backup} TEMPLATE {central.name}".encode())
        recorder.write(execs[200:], [an_end(each) for each in execs[:100]])
        with shipping(own_database, central.url) as process:
            wait_until(lambda: shipped(central) == 401)
            connection.execute(f"ALTER DATABASE {central.name} ALLOW_CONNECTIONS false".encode())
            connection.execute(CUT.encode())
            connection.execute(f"DROP DATABASE {central.name} WITH (FORCE)".encode())
            connection.execute(f"ALTER DATABASE {backup} RENAME TO {central.name}".encode())
            wait_until(lambda: shipped(central) == 401)
            end(process)
    ship(own_database, central.url)
    assert_shipped(central, own_database)


def test_the_schema_becomes_newer_while_it_ships(central: Central, own_database: Path) -> None:
    recorder = Recorder(own_database)
    recorder.write(some_execs(3))
    with shipping(own_database, central.url) as process:
        wait_until(lambda: shipped(central) == 3)
        central.rows("UPDATE execdb.alembic_version SET version_num = '9999'")
        central.rows(CUT)
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(3)]
        assert process.poll() is None
    assert "newer execdb (revision 9999" in said[-1]
    assert said[-1].endswith("trying again\n")


@pytest.mark.parametrize("mode", first(1, ["verify-ca", "verify-full"]))
def test_an_expired_certificate(central: Central, run: Run, own_database: Path, mode: str) -> None:
    Recorder(own_database).write(some_execs(3))
    url = central.url.replace("127.0.0.1", "localhost").replace("verify-ca", mode)
    central.server.make_certificate(days=-1)
    central.server.reload()
    try:
        wait_until(lambda: "verify failed" in run("ship", "--to", url, "--once").err)
        with shipping(own_database, url) as process:
            _, err = process.communicate(timeout=60)
    finally:
        central.server.make_certificate()
        central.server.reload()
    assert process.returncode == 1
    assert "certificate verify failed" in err.splitlines()[-1]
    wait_until(lambda: run("ship", "--to", url, "--once").code == 0)
    assert_shipped(central, own_database)
