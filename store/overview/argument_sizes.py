"""How many bytes the arguments of commands have, as they were recorded."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from sqlite3 import Connection, Cursor
from typing import Any

from execdb.store.errors import DatabaseError
from execdb.store.event import raw_of

_AT_ONCE = 1_024  # commands
_LONG = 2_048  # characters of a list of arguments; a longer one is summed up by SQLite
_REMEMBERED = 100_000  # sizes of arguments


def sizes_of(connection: Connection, commands: Iterable[Any]) -> dict[int, int]:
    """By id of the command, without the NUL behind each argument. One that is not there is left
    out. Raises DatabaseError."""
    found: dict[int, int] = {}
    size: defaultdict[int, int] = defaultdict(int)  # of arguments, by id
    connection.create_function("argument_size", 1, _size, deterministic=True)
    try:
        ids = sorted(commands)
        for at in range(0, len(ids), _AT_ONCE):
            found.update(_sizes(connection, ids[at : at + _AT_ONCE], size))
            if len(size) > _REMEMBERED:
                size.clear()
    except (TypeError, ValueError, RecursionError) as error:
        raise DatabaseError(
            "the database is inconsistent: a row or a command refers to its entries by something "
            "that is no number"
        ) from error
    return found


def _sizes(
    connection: Connection, commands: Sequence[int], size: defaultdict[int, int]
) -> Iterator[tuple[int, int]]:
    """Adds to `size` what it lacks."""
    lists = dict(_with_ids(connection, _COMMANDS, commands))
    long = [id_ for id_, text in lists.items() if text is None]
    yield from connection.execute(_LISTS, (json.dumps(long),)) if long else ()
    for id_ in long:
        del lists[id_]
    places = json.loads(f"[{','.join(lists.values())}]")
    if len(places) != len(lists):
        raise ValueError("the arguments of a command are not one list")
    lacking = sorted(set().union(*places).difference(size))
    size.update(_with_ids(connection, _ARGUMENTS, lacking))
    for id_, each in zip(lists, places, strict=True):
        yield id_, sum(map(size.__getitem__, each))


def _with_ids(connection: Connection, sql: str, ids: Sequence[int]) -> Cursor:
    """Rows with these ids, which are in order. Where few others are between, these come as well:
    that is faster."""
    if ids and ids[-1] - ids[0] < 4 * len(ids):
        return connection.execute(f"{sql} BETWEEN ? AND ?", (ids[0], ids[-1]))
    return connection.execute(f"{sql} IN (SELECT value FROM json_each(?))", (json.dumps(ids),))


def _size(text: Any) -> int:
    """Bytes of an argument that is stored with escapes; a text that is none has its own size."""
    try:
        return len(raw_of(json.loads(text)))
    except (AttributeError, TypeError, ValueError, RecursionError):
        return len(text)


# An argument without escapes is as long as its JSON text without the quotes.
_BYTES = (
    "CASE WHEN instr(text, '\\') THEN argument_size(text) ELSE length(CAST(text AS BLOB)) - 2 END"
)
_COMMANDS = (
    f"SELECT id, CASE WHEN length(arguments) <= {_LONG} THEN arguments END FROM command WHERE id"
)
_ARGUMENTS = f"SELECT id, {_BYTES} FROM argument WHERE id"
_LISTS = f"""
SELECT command.id, (
    SELECT coalesce(sum({_BYTES}), 0) FROM json_each(command.arguments) AS place
    CROSS JOIN argument ON argument.id = place.value)
FROM command WHERE id IN (SELECT value FROM json_each(?))"""
