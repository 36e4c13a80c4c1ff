"""Marks: notes in the history, each at a moment."""

import sqlite3
from difflib import get_close_matches
from sqlite3 import Connection
from typing import NamedTuple

from execdb.store.errors import ExecdbError, UsageError
from execdb.store.file.database import Database

TEXT_MAX = 1_000  # bytes of UTF-8
MARKS_MAX = 10_000  # kept; the oldest go


class Mark(NamedTuple):
    """`uid` is who made it; None if not known."""

    time_ns: int
    uid: int | None
    text: str


def check_text(text: str) -> str:
    """Raises UsageError."""
    size = len(text.encode(errors="surrogatepass"))
    if not text.strip():
        raise UsageError("a mark needs a text")
    if size > TEXT_MAX:
        raise UsageError(f"a mark has at most {TEXT_MAX} bytes of UTF-8, this one has {size}")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise UsageError("a mark must be UTF-8 text")
    return text


def add_mark(database: Database, mark: Mark) -> None:
    """Raises UsageError for a text that is no mark, DatabaseError."""
    check_text(mark.text)
    with database.writing() as connection:
        connection.execute("INSERT INTO mark (time_ns, uid, text) VALUES (?, ?, ?)", mark)
        connection.execute(_TRIM, (MARKS_MAX,))


def read_marks(
    connection: Connection, since_ns: int | None = None, until_ns: int | None = None
) -> list[Mark]:
    """Those in this time, in its order. What only others can have put there is left out."""
    before = connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 65_536)
    try:
        rows = connection.execute(_MARKS, (MARKS_MAX,)).fetchall()
    except sqlite3.DataError:  # a value that no mark can have
        rows = []
    finally:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, before)
    marks = [Mark(time_ns, uid, raw.decode(errors="replace")) for time_ns, uid, raw in rows]
    return [
        mark
        for mark in sorted(marks, key=lambda mark: mark.time_ns)
        if (since_ns is None or mark.time_ns >= since_ns)
        and (until_ns is None or mark.time_ns < until_ns)
    ]


def time_of_mark(database: Database, text: str) -> int:
    """When the latest mark with this text was made, in ns. Raises ExecdbError if there is none."""
    with database.reading() as connection:
        times = {mark.text: mark.time_ns for mark in read_marks(connection)}
    if text not in times:
        near = get_close_matches(text, times, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "execdb mark shows those there are"
        raise ExecdbError(f"there is no mark {text[:80]!r}: {hint}")
    return times[text]


_TRIM = "DELETE FROM mark WHERE id <= (SELECT max(id) FROM mark) - ?"
# Also those of files that were merged into this one.
_MARKS = f"""SELECT time_ns, CASE WHEN typeof(uid) = 'integer' THEN uid END, CAST(text AS BLOB)
FROM (SELECT id, time_ns, uid, text FROM mark
UNION ALL SELECT id, time_ns, uid, text FROM merged_mark)
WHERE typeof(time_ns) = 'integer' AND typeof(text) = 'text'
AND length(CAST(text AS BLOB)) <= {TEXT_MAX} ORDER BY id DESC LIMIT ?"""
