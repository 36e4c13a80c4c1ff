"""What was not recorded on purpose, summed up by interval."""

from operator import index
from typing import NamedTuple

from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database
from execdb.store.file.text import readable

ROWS_MAX = 10_000


class Filtered(NamedTuple):
    """Execs that a rule, or the limit of a user, kept out of the file. `cause` is "rule" or
    "limit"."""

    cause: str
    rule: int | None
    uid: int | None
    from_ns: int
    to_ns: int
    execs: int


def filtered_within(database: Database, span: tuple[int, int], every_ns: int) -> list[Filtered]:
    """In order of time, one for each interval and cause. Raises DatabaseError."""
    with database.reading() as connection:
        rows = connection.execute(_SUMS, (*span, span[0], every_ns, ROWS_MAX)).fetchall()
    try:
        return [
            Filtered(
                str(readable(cause)),
                None if rule is None else index(rule),
                None if uid is None else index(uid),
                index(from_ns),
                index(to_ns),
                index(execs),
            )
            for cause, rule, uid, from_ns, to_ns, execs in rows
        ]
    except TypeError as error:
        raise DatabaseError(
            f"{database.path} is inconsistent: its ledger has a time or a count that is no number"
        ) from error


_SUMS = """
SELECT cause, rule, uid, min(from_ns), max(to_ns), sum(filtered)
FROM filtered WHERE to_ns >= ? AND from_ns < ?
GROUP BY (from_ns - ?) / ?, cause, rule, uid ORDER BY min(from_ns) LIMIT ?
"""
