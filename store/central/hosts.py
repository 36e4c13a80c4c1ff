"""What the central store has of each host, from the ledgers that were shipped."""

from typing import Any

from execdb.store.central.connection import central_errors, check_revision, connect
from execdb.store.central.text import from_central
from execdb.store.central.url import CentralUrl
from execdb.store.central.watchdog import deadline

_ANSWER_S = 60.0
COUNTS = ("seen", "stored", "filtered", "lost", "pruned", "shipped", "unshipped")


def read_hosts(url: CentralUrl) -> list[dict[str, Any]]:
    """One dict for each host, in order of names: its group, the number of its runs, the sums of
    COUNTS, and its version; `shipped_to_ns` is the time of the latest exec that was shipped,
    `heard_ns` when something last came from it, `silent_ns` how long ago that is, both by the
    store's clock, and `skew_ns` how much its clock was ahead of the store's then; `logins`
    are those that shipped it: one, unless somebody ships under its name. Raises CentralError."""
    connection = connect(url, name="execdb status")
    with connection, deadline(connection, url, _ANSWER_S):
        check_revision(connection, url)
        with central_errors(url):
            cursor = connection.execute(_HOSTS)
            names = [column.name for column in cursor.description or ()]
            rows = cursor.fetchall()
    return [
        {
            name: from_central(value) if isinstance(value, str) else value
            for name, value in zip(names, row, strict=True)
        }
        for row in rows
    ]


_SUMS = ", ".join(f"least(sum({name}), {(1 << 63) - 1})::bigint AS {name}" for name in COUNTS)
_NEWEST = "(array_agg({0} ORDER BY shipped_at DESC))[1] AS {0}"
_HOSTS = (
    f"SELECT host, {_NEWEST.format('host_group')}, count(*) AS runs, {_SUMS},"
    " max(shipped_to_ns) AS shipped_to_ns,"
    " (extract(epoch FROM max(shipped_at)) * 1000000)::bigint * 1000 AS heard_ns,"
    " (extract(epoch FROM clock_timestamp() - max(shipped_at)) * 1000000)::bigint * 1000"
    " AS silent_ns,"
    f" {_NEWEST.format('skew_ns')}, {_NEWEST.format('version')},"
    " array_agg(DISTINCT shipper ORDER BY shipper) AS logins"
    " FROM execdb.run GROUP BY host ORDER BY host"
).encode()
