"""What happened besides execs: marks, changes of the config, and what was filtered. Their views may
be missing from a file."""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any, NamedTuple

from execdb.cli.output.escape import escape
from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.file.text import readable
from execdb.store.times import local_time

WIDTH = 1_200  # units of the drawing of a time
_MOST = 200
_CHARS_MAX = 300


class Flag(NamedTuple):
    """`kind` is mark or config; `x` is its place in the drawing."""

    kind: str
    time_ns: int
    text: str
    x: float = 0.0
    time: str = ""


class Filtered(NamedTuple):
    """A time in which execs were filtered, and by what: `rule 3`, `limit`."""

    from_ns: int
    to_ns: int
    execs: int
    by: str


_SOURCES = {
    "marks": ("mark", "SELECT time_ns, text FROM marks WHERE time_ns BETWEEN ? AND ?"),
    "config_log": (
        "config",
        "SELECT time_ns, action || ' ' || coalesce(subject, '') FROM config_log"
        " WHERE time_ns BETWEEN ? AND ?",
    ),
}
_FILTERED = (
    "SELECT from_ns, to_ns, filtered, cause, rule FROM filters WHERE to_ns >= ? AND from_ns < ?"
    " ORDER BY from_ns LIMIT 1000"
)


def read_flags(database: Database, since_ns: int, until_ns: int) -> list[Flag]:
    """Those of a time, at most some of each kind. Raises DatabaseError."""
    found: list[Flag] = []
    with database.reading() as connection:
        for view, (kind, sql) in _SOURCES.items():
            if _has(connection, view):
                rows = connection.execute(
                    f"{sql} ORDER BY time_ns LIMIT {_MOST}", (since_ns, until_ns)
                )
                found += [_flag(kind, *row) for row in rows]
    return sorted(found, key=lambda flag: flag.time_ns)


def _flag(kind: str, time_ns: Any, text: Any) -> Flag:
    if not isinstance(time_ns, int):
        raise DatabaseError("the database is inconsistent: the time of a mark is not a number")
    shown = readable(text) if isinstance(text, str | bytes) else str(text)
    return Flag(kind, time_ns, escape(shown[:_CHARS_MAX]))


def lay_out(flags: Sequence[Flag], since_ns: int, until_ns: int) -> list[Flag]:
    """Places them in the drawing of a time."""
    length = max(1, until_ns - since_ns)
    return [
        flag._replace(
            x=round((flag.time_ns - since_ns) / length * WIDTH, 2), time=local_time(flag.time_ns)
        )
        for flag in flags
    ]


def read_filtered(database: Database, since_ns: int, until_ns: int) -> list[Filtered]:
    """Times in which execs were not recorded on purpose. Raises DatabaseError."""
    with database.reading() as connection:
        if not _has(connection, "filters"):
            return []
        rows = connection.execute(_FILTERED, (since_ns, until_ns)).fetchall()
    found = []
    for from_ns, to_ns, execs, cause, rule in rows:
        if not all(isinstance(value, int) for value in (from_ns, to_ns, execs)):
            raise DatabaseError("the database is inconsistent: a time or a count is not a number")
        by = f"{readable(cause) if isinstance(cause, str | bytes) else cause}"
        by = by if rule is None else f"{by} {rule}"
        found.append(Filtered(from_ns, to_ns, execs, escape(by[:_CHARS_MAX])))
    return found


def _has(connection: Connection, view: str) -> bool:
    sql = "SELECT 1 FROM sqlite_schema WHERE type = 'view' AND name = ?"
    return scalar(connection, sql, (view,)) is not None
