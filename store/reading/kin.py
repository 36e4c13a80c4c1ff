"""Who started what in a file, by the ids of rows."""

import json
from collections.abc import Iterator, Sequence

from execdb.store.event import Event
from execdb.store.file.sql import scalar
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History

_TOGETHER = 500  # rows that one statement asks for


class FileKin:
    """Each call reads in one short transaction. Raises DatabaseError."""

    def __init__(self, history: History) -> None:
        self.history, self.database = history, history.database

    def key_of(self, event: Event) -> int:
        return event.id

    def parents(self, keys: Sequence[int]) -> dict[int, int | None]:
        """Of each of these rows that is there."""
        found: dict[int, int | None] = {}
        with self.database.reading() as connection:
            for some in _parts(keys):
                for number, parent in connection.execute(_PARENTS, (json.dumps(some),)):
                    found[number] = parent if isinstance(parent, int) else None
        return found

    def children(self, keys: Sequence[int], most: int) -> list[int]:
        """What these rows started themselves; at most so many, unless that is below 0."""
        found: list[int] = []
        with self.database.reading() as connection:
            for some in _parts(keys):
                room = -1 if most < 0 else most - len(found)
                found += (row[0] for row in connection.execute(_CHILDREN, (json.dumps(some), room)))
        return found

    def rows_with(self, keys: Sequence[int]) -> Iterator[Event]:
        return self.history.rows_with(keys)

    def events(self, wanted: Filter, *, limit: int = 0, reverse: bool = False) -> Iterator[Event]:
        return self.history.events(wanted, limit=limit, reverse=reverse)

    def latest_run(self) -> int | None:
        """The latest run of a collector, or import, that has rows."""
        with self.database.reading() as connection:
            number = scalar(connection, "SELECT max(run_id) FROM segment WHERE first_id > 0")
        return number if isinstance(number, int) else None


def _parts(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    return (numbers[at : at + _TOGETHER] for at in range(0, len(numbers), _TOGETHER))


_PARENTS = """
SELECT id, parent_id FROM image WHERE id IN (SELECT value FROM json_each(?))
"""
# CROSS JOIN: SQLite then takes the tables in this order.
_CHILDREN = """
SELECT image.id FROM json_each(?) AS parent CROSS JOIN image ON image.parent_id = parent.value
LIMIT ?
"""
