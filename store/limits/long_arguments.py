"""Cutting long arguments, so that no rows have to be removed for them.

A command with long arguments keeps their first bytes and is marked as truncated; `argc` does not
change. The old arguments are removed with the other unused entries of the dictionary.
"""

import json
from collections.abc import Iterator, Sequence
from sqlite3 import Connection
from typing import Any

from execdb.store.event import raw_of
from execdb.store.file.sql import scalar
from execdb.store.json_text import json_of
from execdb.store.ledger.trimmed import Trim, What, add_trims
from execdb.store.limits.removal import Range

LONG = 1_024  # bytes: arguments of a command that are longer together, plus one each, are cut
KEPT = 256  # bytes that are left of them
_COMMANDS = 1_000  # the most commands that one step reads
_REFERENCES = 10_000  # the most arguments of these commands
_FREED = 1_000_000  # bytes: a step that has freed as many ends


class Cutter:
    """Reads each command of a file once, in the order in which they were stored."""

    def __init__(self) -> None:
        self._after = 0  # the last entry that was read
        self._unswept: set[Range] = set()  # where some were cut

    def step(self, connection: Connection) -> tuple[int, set[Range]] | None:
        """Reads some, in a transaction. Returns of how many events the arguments were cut, and
        ranges of entries to be swept; None when all commands were read. Entries of the newest
        segment are not cut: the recorder has them in memory and refers to them again."""
        newest = scalar(connection, _NEWEST) or 0
        rows = list(_some(connection.execute(_NEXT, (self._after, newest))))
        cut, freed_bytes = _cut(connection, rows)
        events = 0
        if cut:
            self._unswept |= {tuple(row) for row in connection.execute(_RANGES, (cut[-1], cut[0]))}
            events = _note(connection, cut)
        enough = freed_bytes >= _FREED  # the others are for the next step
        self._after = cut[-1] if enough else rows[-1][0] if rows else newest - 1
        # Commands that were not read yet may use the old arguments. So a range is swept when much
        # was cut, and again when all its commands were read.
        all_known = {each for each in self._unswept if each[1] <= self._after}
        done = all_known if rows and not enough else set(self._unswept)
        self._unswept -= done
        return (events, done) if rows or done else None


def _some(rows: Iterator[Any]) -> Iterator[Any]:
    """The first rows, at least one, up to a bound on their arguments."""
    references = 0
    for row in rows:
        yield row
        references += str(row[1]).count(",") + 1
        if references >= _REFERENCES:
            return


def _cut(connection: Connection, rows: Sequence[Any]) -> tuple[list[int], int]:
    """Cuts commands that are long, until enough is freed. Returns their ids and about how many
    bytes were freed."""
    lists = {id_: _ids(text) for id_, text in rows}
    wanted = json.dumps(list({each for ids in lists.values() for each in ids}))
    sizes = dict(connection.execute(_SIZES, (wanted,)))
    cut, freed_bytes = [], 0
    for id_, ids in lists.items():
        size = sum([sizes.get(each, 0) for each in ids], len(ids))
        if size <= LONG:
            continue
        kept, left = [], KEPT
        for each in ids:
            left -= sizes.get(each, 0) + 1
            if left < 0:
                break
            kept.append(each)
        if len(kept) < len(ids):
            straddling = ids[len(kept)]
            text = _start(connection, straddling, left + sizes.get(straddling, 0))
            # The tables of the dictionary share one sequence of ids: no argument has this one.
            connection.execute(_ARGUMENT, (id_, text))
            kept.append(id_)
        connection.execute(_COMMAND, (f"[{','.join(map(str, kept))}]", id_))
        cut.append(id_)
        freed_bytes += size
        if freed_bytes >= _FREED:
            break
    return cut, freed_bytes


def _ids(text: Any) -> list[int]:
    """Ids of arguments. Empty where the file is inconsistent: queries report that."""
    try:
        ids = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return []
    return ids if isinstance(ids, list) and set(map(type, ids)) <= {int} else []


def _start(connection: Connection, argument: int, size: int) -> str:
    """The first `size` bytes of an argument, as JSON; no character is cut in two."""
    text = json.loads(scalar(connection, "SELECT text FROM argument WHERE id = ?", (argument,)))
    raw = raw_of(str(text))[: max(0, size)]
    for short in range(4):  # bytes of a character whose end was cut off
        try:
            return json_of(raw[: len(raw) - short].decode())
        except UnicodeDecodeError:
            continue
    return json_of(raw.decode("utf-8", "surrogateescape"))


def _note(connection: Connection, cut: Sequence[int]) -> int:
    """Records of which users how many events lost arguments. Returns the number of events."""
    who = connection.execute(_WHO, (cut[-1], cut[0], json.dumps(cut))).fetchall()
    add_trims(connection, [Trim(What.ARGUMENTS, *row) for row in who])
    return sum(row[1] for row in who)


_NEWEST = "SELECT first_entry_id FROM segment ORDER BY first_id DESC LIMIT 1"
_NEXT = f"SELECT id, arguments FROM command WHERE id > ? AND id < ? ORDER BY id LIMIT {_COMMANDS}"
# Of the JSON text without its quotes: longer than the argument where characters are escaped.
_SIZES = (
    "SELECT argument.id, length(CAST(text AS BLOB)) - 2 FROM json_each(?) AS wanted"
    " CROSS JOIN argument ON argument.id = wanted.value"
)
_ARGUMENT = "INSERT OR REPLACE INTO argument (id, text) VALUES (?, ?)"
_COMMAND = "UPDATE command SET arguments = ?, truncated = 1 WHERE id = ?"
_OVERLAPPING = "first_entry_id <= ? AND last_entry_id >= ?"
_RANGES = f"SELECT DISTINCT first_entry_id, last_entry_id FROM segment WHERE {_OVERLAPPING}"
_WHO = (
    "SELECT uid, count(*), min(time_ns), max(time_ns)"
    f" FROM (SELECT * FROM segment WHERE {_OVERLAPPING}) AS segment"
    " CROSS JOIN image ON image.id BETWEEN first_id AND last_id AND image.id > 0"
    " WHERE command_id IN (SELECT value FROM json_each(?)) GROUP BY uid"
)
