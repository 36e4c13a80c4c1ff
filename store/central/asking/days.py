"""Divides a time by the partitions of days, so that an answer is sorted in parts."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

from execdb.store.central.asking.session import Session
from execdb.store.central.asking.sources import Scope

DAY_NS = 86_400 * 10**9
_SORTED_BYTES = 128 << 20  # of tables, as many as are sorted at once
_GROWTH = 3  # from part to part, up to what the share allows


def stretches(
    session: Session, scope: Scope, reverse: bool, share: float, together: float = _SORTED_BYTES
) -> Iterator[Scope]:
    """The scope in parts, in the order of reading. Each is of one day, or of more if their tables
    have fewer bytes `together`. `share` is the part of all rows that its runs have."""
    edges = [
        scope.since_ns,
        *reversed([*_edges(session, scope, share, together)]),
        scope.until_ns,
    ]
    parts = [
        scope._replace(since_ns=since_ns, until_ns=until_ns)
        for since_ns, until_ns in pairwise(edges)
    ]
    yield from reversed(parts) if reverse else parts


def begins(session: Session) -> list[int]:
    """When the days begin that have a partition, in order."""
    known = (_begin_ns(name) for name, _ in session.rows(_PARTITIONS))
    return [begin_ns for begin_ns in known if begin_ns is not None]


def size_of(session: Session, scope: Scope) -> int:
    """The bytes of the tables that have rows of the time of a scope."""
    known = [(_begin_ns(name), size or 0) for name, size in session.rows(_PARTITIONS)]
    since_ns, until_ns = scope.since_ns, scope.until_ns
    days = sum(
        size
        for begin_ns, size in known
        if begin_ns is None
        or (
            (since_ns is None or begin_ns + DAY_NS > since_ns)
            and (until_ns is None or begin_ns < until_ns)
        )
    )
    return int(days + session.rows(_STRAYS)[0][0])


def _edges(session: Session, scope: Scope, share: float, first: float) -> Iterator[int]:
    """Midnights within the scope between which there is enough, the last one first. The last days
    are read alone: where only some events are asked for, they often have them."""
    together, enough = 0, first
    for name, size in reversed(session.rows(_PARTITIONS)):
        begin_ns = _begin_ns(name)
        if begin_ns is None or (scope.until_ns is not None and begin_ns >= scope.until_ns):
            continue
        if scope.since_ns is not None and begin_ns <= scope.since_ns:
            return
        together += size or 0
        if together > enough:
            yield begin_ns
            together, enough = 0, min(_GROWTH * enough, _SORTED_BYTES / share)


def _begin_ns(name: str) -> int | None:
    """When the day of `exec_20260131` begins."""
    try:
        day = datetime.strptime(name, "exec_%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(day.timestamp()) * 10**9


_PARTITIONS = """
SELECT c.relname::text, pg_relation_size(c.oid)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'execdb.exec'::regclass ORDER BY c.relname
"""
_STRAYS = "SELECT pg_relation_size('execdb.exec_stray')"
