"""prune --db URL: whole days go, and what went is noted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from tests.central.conftest import Central
from tests.central.server import PASSWORD
from tests.central.shippers import ship
from tests.central.stores import Recorder, an_end, some_execs
from tests.conftest import Answer

Run = Callable[..., Answer]
DAY_NS = 86_400 * 10**9
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
DAYS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'execdb.exec'::regclass"


def noon_ns(days_ago: int) -> int:
    return int((NOON - timedelta(days=days_ago)).timestamp()) * 10**9


def three_days(path: Path, central: Central) -> None:
    """53 execs 40 days ago, 31 of 10 days ago, 7 of yesterday; some end later."""
    recorder = Recorder(path)
    first = 0
    for days_ago, count in ((40, 53), (10, 31), (1, 7)):
        execs = some_execs(count, first, at_ns=noon_ns(days_ago))
        recorder.write(execs)
        ship(path, central.url)
        recorder.write([], [an_end(each) for each in execs[:5]])
        first += 1_000
    recorder.finish()
    ship(path, central.url)


def test_days_that_are_old_enough_go(central: Central, run: Run, own_database: Path) -> None:
    three_days(own_database, central)
    assert central.value(DAYS) == 3
    code, out, err = run("prune", "--db", central.admin, "--older-than", "30d", "--dry-run")
    day = f"{NOON - timedelta(days=40):%Y-%m-%d}"
    assert (code, err) == (0, "")
    assert out.startswith(f"{day} would be removed: 53 execs of 1 host, ")
    assert central.value(DAYS) == 3
    code, out, err = run("prune", "--db", central.admin, "--older-than", "30d")
    assert (code, err) == (0, "")
    said, total = out.splitlines()
    assert said.startswith(f"{day} was removed: 53 execs of 1 host, ")
    assert total == f"removed 53 execs of 1 day from {central.admin.replace(PASSWORD, '***')}"
    assert central.value(DAYS) == 2
    assert central.value("SELECT count(*) FROM execdb.execs") == 38
    noted = central.rows("SELECT day::text, events, run_id = (SELECT run_id FROM execdb.run)"
                         " FROM execdb.dropped")  # fmt: skip
    assert noted == [(day, 53, True)]
    assert run("prune", "--db", central.admin, "--older-than", "30d").out.startswith("removed 0")


def test_what_is_shipped_for_such_a_day_again_is_added_up(
    central: Central, run: Run, own_database: Path
) -> None:
    recorder = Recorder(own_database)
    for first in (0, 1_000):
        recorder.write(some_execs(11, first, at_ns=noon_ns(40)))
        ship(own_database, central.url)
        assert run("prune", "--db", central.admin, "--keep", "30d").code == 0
    assert central.rows("SELECT events FROM execdb.dropped") == [(22,)]
    assert central.value("SELECT shipped FROM execdb.run") == 22


def test_only_an_owner_may(central: Central, run: Run, own_database: Path) -> None:
    three_days(own_database, central)
    for url in (central.url, central.reader):
        code, out, err = run("prune", "--db", url, "--older-than", "30d")
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert "execdb_owner" in err
    assert central.value(DAYS) == 3
    with psycopg.connect(central.url, autocommit=True) as connection:
        for sql in (
            "DELETE FROM execdb.dropped",
            "INSERT INTO execdb.dropped VALUES (1, now(), 1)",
        ):
            try:
                connection.execute(sql.encode())
            except psycopg.errors.InsufficientPrivilege:
                continue
            raise AssertionError(sql)


def test_wrong_usage(central: Central, run: Run) -> None:
    for arguments in ([], ["--max-size", "2GB"], ["--older-than", "3d", "--max-size", "2GB"]):
        code, _, err = run("prune", "--db", central.admin, *arguments)
        assert (code, err.count("\n")) == (2, 1)


def test_the_days_to_come_are_made_when_their_first_event_is(
    central: Central, own_database: Path
) -> None:
    """Over midnight: execs of 23:59:59 and of 00:00:01 in one portion, in their own days."""
    midnight_ns = (noon_ns(0) // DAY_NS + 1) * DAY_NS
    recorder = Recorder(own_database)
    recorder.write(some_execs(5, at_ns=midnight_ns - 3_000_000))
    ship(own_database, central.url)
    before = f"time < to_timestamp({midnight_ns // 1_000_000_000})"
    assert central.rows(f"SELECT {before}, count(*) FROM execdb.exec GROUP BY 1 ORDER BY 1") == [
        (False, 2),
        (True, 3),
    ]
    assert central.value("SELECT count(*) FROM execdb.exec_stray") == 0
    recorder.write([], [an_end(each) for each in some_execs(5, at_ns=midnight_ns - 3_000_000)])
    ship(own_database, central.url)
    assert central.value("SELECT count(*) FROM execdb.exec_end") == 5
