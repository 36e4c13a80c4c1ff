"""The keyword filters of `execdb.open(...)`: ids, places and moments."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import execdb
from execdb.store.file.database import Database
from tests.conftest import MACHINE, START_NS, an_exec, recorded, some_creds

MS = 1_000_000


def test_ids_and_places_are_filtered_by(database: Database, db: Path) -> None:
    execs = [an_exec(n, creds=some_creds(loginuid=n % 3)) for n in range(7)]
    recorded(database, execs)
    with execdb.open(db) as history:
        assert [event.pid for event in history.events(pid=1_003)] == [1_003]
        assert history.count(ppid=1) == 7
        assert history.count(ppid=2) == 0
        assert history.count(pid=[1_003, 1_004, 2]) == 2
        assert history.count("pid=1005", pid=[1_003]) == 2
        assert history.count(host=MACHINE.host) == 7
        assert history.count(host="no-*") == 0
        assert history.count(loginuid=1) == 2
        assert history.count(cgroup="/no/such") == 0


@pytest.mark.parametrize(
    "third",
    [
        START_NS + 3 * MS,
        datetime.fromtimestamp(START_NS / 1e9, UTC) + timedelta(milliseconds=3),
        (datetime.fromtimestamp(START_NS / 1e9) + timedelta(milliseconds=3)),
        "2025-10-09T08:53:20.003Z",
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_moment_may_be_a_number_a_datetime_or_text(
    third: execdb.Time, database: Database, db: Path
) -> None:
    recorded(database, [an_exec(n) for n in range(7)])
    with execdb.open(db) as history:
        assert [event.pid for event in history.events(since=third)] == [1_003, 1_004, 1_005, 1_006]
        assert [event.pid for event in history.events(until=third)] == [1_000, 1_001, 1_002]
        assert next(each.from_ns for each in history.coverage(since=third)) == START_NS + 3 * MS


def test_a_timedelta_is_so_long_ago(database: Database, db: Path) -> None:
    recorded(database, [an_exec(n) for n in range(7)])
    since = datetime.now(UTC) - datetime.fromtimestamp(START_NS / 1e9, UTC)
    with execdb.open(db) as history:
        assert history.count(since=since + timedelta(minutes=1)) == 7
        assert history.count(since=timedelta(minutes=1)) == 0
