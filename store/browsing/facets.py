"""Which values the counted events have: users, programs, outcomes, places."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from sqlite3 import Connection
from typing import Any

from execdb.store.browsing.survey import Kind
from execdb.store.errors import DatabaseError
from execdb.store.event import REPLACED
from execdb.store.fields import FIELD_OF
from execdb.store.file.database import Database
from execdb.store.file.text import readable

OUTCOMES = ("succeeded", "exit", "signal", "refused", "replaced", "running")
_FIELDS = {"origin": ("uid", "container", "cgroup"), "program": ("comm",)}
FIELDS = tuple(name for names in _FIELDS.values() for name in names if name in FIELD_OF)

Facets = Mapping[str, Counter[Any]]


def facets(database: Database, kinds: Mapping[Kind, float]) -> Facets:
    """For each of FIELDS, and for `outcome`: how many events have which value. Raises
    DatabaseError."""
    found: dict[str, Counter[Any]] = {}
    for place, (table, names) in enumerate(_FIELDS.items()):
        sums = _summed(kinds, itemgetter(place))
        known = [name for name in names if name in FIELD_OF]
        with database.reading() as connection:
            values = _values(connection, table, known, sums)
        for at, name in enumerate(known):
            found[name] = _by_value(sums, values, at)
    found["outcome"] = _summed(kinds, lambda kind: outcome(kind[2], kind[3]))
    return found


def outcome(status: int | None, errno: object) -> str:
    """One of OUTCOMES."""
    if errno is not None:
        return "refused"
    if status is None:
        return "running"
    if status == REPLACED:
        return "replaced"
    if status & 0x7F:
        return "signal"
    return "exit" if status & 0xFF00 else "succeeded"


def _summed(kinds: Mapping[Kind, float], key: Callable[[Kind], Any]) -> Counter[Any]:
    sums: Counter[Any] = Counter()
    for kind, number in kinds.items():
        sums[key(kind)] += number  # type: ignore[assignment]  # estimates are no whole numbers
    return sums


def _by_value(sums: Counter[Any], values: Mapping[int, tuple[Any, ...]], at: int) -> Counter[Any]:
    found: Counter[Any] = Counter()
    try:
        for number, count in sums.items():
            found[values[number][at]] += count
    except KeyError as error:
        raise DatabaseError(
            "the database is inconsistent: rows refer to entries that are not there"
        ) from error
    return found


def _values(
    connection: Connection, table: str, names: Sequence[str], ids: Iterable[int]
) -> dict[int, tuple[Any, ...]]:
    """The values of entries of the dictionary, by id."""
    columns = ", ".join(f"{table}.{name}" for name in names)
    sql = (
        f"SELECT {table}.id, {columns} FROM json_each(?) AS wanted"
        f" CROSS JOIN {table} ON {table}.id = wanted.value"
    )
    rows = connection.execute(sql, (json.dumps(list(ids)),))
    return {number: tuple(map(_checked, names, row)) for number, *row in rows}


def _checked(name: str, value: Any) -> Any:
    """Raises DatabaseError for a value of another type than the field has."""
    value = readable(value) if isinstance(value, bytes) else value
    if value is not None and not isinstance(value, str if FIELD_OF[name].kind.is_text else int):
        raise DatabaseError(f"the database is inconsistent: {name} has a value of another type")
    return value
