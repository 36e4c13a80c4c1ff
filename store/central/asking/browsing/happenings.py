"""Marks, changes of the config, and what was filtered, as the page shows them."""

from collections.abc import Sequence

from execdb.store.browsing.happenings import (
    FILTERED_MAX,
    HAPPENINGS_MAX,
    Filtered,
    Happening,
    filtered_by,
)
from execdb.store.central.asking.notes import with_host
from execdb.store.central.asking.session import Session
from execdb.store.central.text import from_central, to_central


def happenings(
    session: Session, hosts: Sequence[str], since_ns: int, until_ns: int
) -> list[Happening]:
    """Those of a time, at most some of each kind. Where there are several hosts, texts name
    theirs."""
    values = [[to_central(host) for host in hosts], since_ns, until_ns, HAPPENINGS_MAX]
    found = [
        Happening(kind, time_ns, with_host(from_central(text), host, hosts))
        for kind, sql in _SOURCES.items()
        for time_ns, text, host in session.rows(sql, values)
    ]
    return sorted(found, key=lambda each: each.time_ns)


def filtered(session: Session, runs: Sequence[int], since_ns: int, until_ns: int) -> list[Filtered]:
    """Times in which execs of these runs were not recorded on purpose."""
    return [
        Filtered(from_ns, to_ns, execs, filtered_by(from_central(cause), rule))
        for from_ns, to_ns, execs, cause, rule in session.rows(
            _FILTERED, [[*runs], since_ns, until_ns, FILTERED_MAX]
        )
    ]


_OF_TIME = (
    "WHERE host = ANY(%s::text[]) AND time_ns BETWEEN %s AND %s ORDER BY time_ns, id LIMIT %s"
)
_SOURCES = {
    "mark": f"SELECT time_ns, text, host FROM execdb.mark {_OF_TIME}",
    "config": (
        "SELECT time_ns, action || ' ' || coalesce(subject, ''), host FROM execdb.config_change"
        f" {_OF_TIME}"
    ),
}
_FILTERED = (
    "SELECT from_ns, to_ns, filtered, cause, rule FROM execdb.filter"
    " WHERE run_id = ANY(%s::bigint[]) AND to_ns >= %s AND from_ns < %s ORDER BY from_ns LIMIT %s"
)
