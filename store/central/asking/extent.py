"""From when to when there are events. There is no index by time, so days are looked at from both
ends until one has some."""

from collections.abc import Sequence
from itertools import pairwise

from execdb.store.central.asking.days import begins
from execdb.store.central.asking.session import Session
from execdb.store.central.asking.sources import DAY_NS, Scope, union
from execdb.store.central.tables.layout import TIME_NS


def extent_of(
    session: Session,
    runs: Sequence[int] | None,
    since_ns: int | None = None,
    until_ns: int | None = None,
) -> tuple[int, int] | None:
    """The times of the first and of the last event of these runs (None: of all) from `since_ns` up
    to `until_ns`, in ns."""
    known = begins(session)
    midnights = [
        midnight
        for midnight in (*known, *(day + DAY_NS for day in known[-1:]))
        if (since_ns is None or midnight > since_ns) and (until_ns is None or midnight < until_ns)
    ]
    parts = [Scope(runs, *pair) for pair in pairwise([since_ns, *midnights, until_ns])]
    first = next(filter(None, (_times(session, part) for part in parts)), None)
    last = next(filter(None, (_times(session, part) for part in reversed(parts))), None)
    return (first[0], last[1]) if first and last else None


def _times(session: Session, scope: Scope) -> tuple[int, int] | None:
    query = union(f"min({TIME_NS}), max({TIME_NS})", scope, [])
    rows = [row for row in session.rows(*query) if row[0] is not None]
    return (min(row[0] for row in rows), max(row[1] for row in rows)) if rows else None
