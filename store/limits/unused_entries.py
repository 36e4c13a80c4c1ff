"""Removing entries of the dictionary that no row refers to any more."""

from sqlite3 import Connection

from execdb.store.file.sql import scalar
from execdb.store.segments.segment import Segment, segments_of

_DICTIONARY = ("command", "origin", "program", "argument")


def left_behind(connection: Connection) -> set[tuple[int, int]]:
    """Ranges of entries that belong to no segment: their rows were removed, and the process ended
    before it removed the entries."""
    known = {(one.first_entry_id, one.last_entry_id) for one in segments_of(connection)}
    found, begin = set(), 1
    for first, last in [*sorted(known), (_EVER, _EVER)]:
        while (entry := _first_entry(connection, begin, first - 1)) is not None:
            begin = min(entry + _SWEPT, first)
            found.add((entry, begin - 1))
        begin = max(begin, last + 1)
    return found


_SWEPT = 16_384  # entries in a range: as many as the dictionary of one segment has
_EVER = (1 << 63) - 1  # beyond every id


def _first_entry(connection: Connection, first: int, last: int) -> int | None:
    """The first id that is used in this range, in any table of the dictionary."""
    ids = (
        scalar(connection, f"SELECT min(id) FROM {table} WHERE id BETWEEN ? AND ?", (first, last))
        for table in _DICTIONARY
    )
    return min((number for number in ids if number is not None), default=None)


def sweep(connection: Connection, first: int, last: int) -> None:
    """Removes the entries from `first` to `last` that no row refers to. A writer that has them in
    memory finds its segment changed at its next transaction, and starts a new dictionary."""
    segments = [Segment(*row) for row in connection.execute(_OVERLAPPING, (last, first))]
    newest = scalar(connection, "SELECT max(first_id) FROM segment")
    if any(segment.first_id == newest for segment in segments):
        connection.execute(_CHANGE, (newest,))
    connection.execute("CREATE TEMP TABLE used (id INTEGER PRIMARY KEY)")
    for segment in segments:
        for column in ("origin_id", "command_id"):
            connection.execute(
                f"INSERT OR IGNORE INTO used SELECT {column} FROM image WHERE id BETWEEN ? AND ?",
                (segment.first_id, segment.last_id),
            )
    for sql in _USED_BY_COMMANDS:
        connection.execute(sql)
    for table in _DICTIONARY:
        connection.execute(
            f"DELETE FROM {table} WHERE id BETWEEN ? AND ? AND id NOT IN (SELECT id FROM used)",
            (first, last),
        )
    connection.execute("DROP TABLE temp.used")


_OVERLAPPING = "SELECT * FROM segment WHERE first_entry_id <= ? AND last_entry_id >= ?"
_CHANGE = "UPDATE segment SET last_entry_id = last_entry_id + 1 WHERE first_id = ?"
_USED_BY_COMMANDS = (
    "INSERT OR IGNORE INTO used SELECT program_id FROM command WHERE id IN (SELECT id FROM used)",
    "INSERT OR IGNORE INTO used SELECT value FROM command, json_each(arguments)"
    " WHERE command.id IN (SELECT id FROM used)",
)
