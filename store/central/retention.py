"""Removes the oldest days from a central store, by dropping their partitions."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from execdb.store.central.connection import check_revision, connect
from execdb.store.central.errors import CentralError
from execdb.store.central.tables.ddl import LOCK, OWNER, PARTITIONED
from execdb.store.central.url import CentralUrl
from execdb.store.central.watchdog import deadline

if TYPE_CHECKING:
    from psycopg import Connection

_DAY_NS = 86_400_000_000_000
_ANSWER_S = 600.0  # counting the rows of a day, and waiting for others


class Dropped(NamedTuple):
    """A day (UTC, such as 2026-11-26) with its events and what they took, of how many hosts."""

    day: str
    events: int
    hosts: int
    size_bytes: int


def prune(url: CentralUrl, before_ns: int, *, dry_run: bool) -> Iterator[Dropped]:
    """Drops the days that ended before this time, the oldest first, each in a transaction of its
    own. How many events of which run they had is noted in `execdb.dropped`. With `dry_run` only
    says what there is. Raises CentralError."""
    with connect(url, name="execdb prune") as connection:
        with deadline(connection, url, _ANSWER_S):
            check_revision(connection, url)
            if not dry_run:
                _require_owner(connection, url)
            days = [row[0] for row in connection.execute(_DAYS, (before_ns // _DAY_NS,))]
        for day in days:
            with deadline(connection, url, _ANSWER_S), connection.transaction():
                dropped = _count(connection, day) if dry_run else _drop(connection, day)
            yield dropped


def _require_owner(connection: "Connection", url: CentralUrl) -> None:
    row = connection.execute(f"SELECT pg_has_role('{OWNER}', 'MEMBER')".encode()).fetchone()
    if row is None or not row[0]:
        raise CentralError(f"{url}: this login is not a member of the role {OWNER}")


def _count(connection: "Connection", day: str) -> Dropped:
    names = [f"execdb.{table}_{day.replace('-', '')}" for table in PARTITIONED]
    row = connection.execute(
        f"SELECT count(*), (SELECT count(DISTINCT host) FROM execdb.run WHERE run_id IN (SELECT"
        f" run_id FROM {names[0]})), (SELECT sum(pg_total_relation_size(name::regclass)) FROM"
        f" unnest(%s::text[]) AS name) FROM {names[0]}".encode(),
        (names,),
    ).fetchone()
    assert row is not None
    return Dropped(day, row[0], row[1], int(row[2]))


def _drop(connection: "Connection", day: str) -> Dropped:
    """Nobody adds to the day meanwhile: what is counted is what is dropped."""
    connection.execute(f"SET LOCAL ROLE {OWNER}".encode())
    connection.execute(b"SET LOCAL lock_timeout = '10s'")
    connection.execute(b"SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    names = [f"execdb.{table}_{day.replace('-', '')}" for table in PARTITIONED]
    connection.execute(f"LOCK TABLE {', '.join(names)} IN SHARE MODE".encode())
    found = _count(connection, day)
    connection.execute(
        f"INSERT INTO execdb.dropped AS known (run_id, day, events)"
        f" SELECT run_id, %s::date, count(*) FROM {names[0]} GROUP BY run_id"
        " ON CONFLICT (run_id, day) DO UPDATE SET events = known.events + excluded.events,"
        " dropped_at = excluded.dropped_at".encode(),
        (day,),
    )
    connection.execute(b"DELETE FROM execdb.run_day WHERE day = %s::date", (day,))
    for name in names:
        connection.execute(f"DROP TABLE {name}".encode())
    return found


# Names are made by `make_partitions` alone. Days are counted since 1970.
_DAYS = (
    f"SELECT substring(c.relname FROM '^{PARTITIONED[0]}_([0-9]{{8}})$')::date::text AS day"
    " FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
    f" WHERE i.inhparent = 'execdb.{PARTITIONED[0]}'::regclass AND c.relname ~"
    f" '^{PARTITIONED[0]}_[0-9]{{8}}$'"
    f" AND substring(c.relname FROM '^{PARTITIONED[0]}_([0-9]{{8}})$')::date"
    " < '1970-01-01'::date + %s ORDER BY 1"
).encode()
