"""What happened besides execs: marks, changes of the config, and what was filtered. Their views may
be missing from a file."""

from sqlite3 import Connection
from typing import Any, NamedTuple

from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.file.text import readable

HAPPENINGS_MAX = 200  # of each kind
FILTERED_MAX = 1_000


class Happening(NamedTuple):
    """`kind` is mark or config."""

    kind: str
    time_ns: int
    text: str


class Filtered(NamedTuple):
    """A time in which execs were filtered, and by what: `rule 3`, `limit`."""

    from_ns: int
    to_ns: int
    execs: int
    by: str


def read_happenings(database: Database, since_ns: int, until_ns: int) -> list[Happening]:
    """Those of a time, at most some of each kind. Raises DatabaseError."""
    found: list[Happening] = []
    with database.reading() as connection:
        for view, (kind, sql) in _SOURCES.items():
            if _has(connection, view):
                rows = connection.execute(
                    f"{sql} ORDER BY time_ns LIMIT {HAPPENINGS_MAX}", (since_ns, until_ns)
                )
                found += [_happening(kind, *row) for row in rows]
    return sorted(found, key=lambda each: each.time_ns)


def _happening(kind: str, time_ns: Any, text: Any) -> Happening:
    if not isinstance(time_ns, int):
        raise DatabaseError("the database is inconsistent: the time of a mark is not a number")
    return Happening(kind, time_ns, _text(text))


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
        found.append(Filtered(from_ns, to_ns, execs, filtered_by(_text(cause), rule)))
    return found


def filtered_by(cause: str, rule: object) -> str:
    """`rule 3`, `limit`."""
    return cause if rule is None else f"{cause} {rule}"


def _text(value: Any) -> str:
    return readable(value) if isinstance(value, str | bytes) else str(value)


def _has(connection: Connection, view: str) -> bool:
    sql = "SELECT 1 FROM sqlite_schema WHERE type = 'view' AND name = ?"
    return scalar(connection, sql, (view,)) is not None


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
    f" ORDER BY from_ns LIMIT {FILTERED_MAX}"
)
