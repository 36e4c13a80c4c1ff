"""Events in the order of any of their keys, sorted by SQLite: on disk, if there are many."""

import marshal
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

from execdb.store.event import Event
from execdb.store.fields import FIELD_OF
from execdb.store.file.text import storable

_CACHE_KIB = 16_000


def sort_events(
    events: Iterable[Event], key: str, *, limit: int = 0, reverse: bool = False
) -> Iterator[Event]:
    """The greatest last, or first with `reverse`; the greatest `limit` of them (0: all). Null is
    less than all else. Equal ones stay in their order, or in the opposite one with `reverse`."""
    place = FIELD_OF[key].place
    with closing(sqlite3.connect("")) as connection:  # a temporary file, once it is large
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute("CREATE TABLE event (number INTEGER PRIMARY KEY, key, event BLOB)")
        connection.executemany(
            "INSERT INTO event (key, event) VALUES (?, ?)",
            ((_sortable(event[place]), marshal.dumps(tuple(event))) for event in events),
        )
        order = "ORDER BY key DESC, number DESC LIMIT ?"
        chosen = f"SELECT number, key, event FROM event {order}"
        if not reverse:
            chosen = f"SELECT * FROM ({chosen}) ORDER BY key, number"
        for _, _, blob in connection.execute(chosen, (limit or -1,)):
            yield Event._make(marshal.loads(blob))


def _sortable(value: Any) -> Any:
    if isinstance(value, tuple):
        value = "\0".join(value)
    return storable(value) if isinstance(value, str) else value
