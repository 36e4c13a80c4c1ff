"""The values of the keys that events are grouped by.

Rows are first grouped by the ids of the dictionary entries that they refer to, which are numbers,
and then by the values of these.
"""

import json
from collections.abc import Mapping, Sequence
from sqlite3 import Connection
from typing import Any

from sqlalchemy import ColumnElement, func, select

from execdb.store.fields import FIELD_OF
from execdb.store.file.text import readable
from execdb.store.kinds import Kind
from execdb.store.reading.conditions import column_of, one_of, texts_of_command
from execdb.store.reading.filter import table_of
from execdb.store.reading.statements import Statement
from execdb.store.schema import tables
from execdb.store.terms.term import COMMAND

_REMEMBERED = 10_000  # groups
_ENTRIES = {"origin": "origin_id", "program": "program_id", "command": "command_id"}


def columns_of(fields: Sequence[str]) -> dict[str, ColumnElement[Any]]:
    """The columns of `image` that tell groups apart, by name: ids of dictionary entries for the
    fields of these. What is the same in a whole run is not among them."""
    found: dict[str, ColumnElement[Any]] = {}
    for field, table in _tables(fields).items():
        if table in _ENTRIES:
            found[_ENTRIES[table]] = tables.image.c[_ENTRIES[table]]
        elif table == "image":
            found[field] = column_of(field)
    return found


def _tables(fields: Sequence[str]) -> dict[str, str]:
    """Where the values of each field are read. A uid is in the rows as well as in their origins, of
    which there are far more: where nothing else of an origin is asked, it is read there."""
    found = {field: table_of(field) for field in fields}
    if "uid" in found and list(found.values()).count("origin") == 1:
        found["uid"] = "image"
    return found


class Values:
    """The values of the fields that events are grouped by, for groups of rows of one run."""

    def __init__(self, fields: Sequence[str], run: Mapping[str, Any]) -> None:
        self._tables, self._run = _tables(fields), run
        self._names = list(columns_of(fields))
        self._known: dict[str, dict[int, Any]] = {field: {} for field in fields}
        self._of: dict[tuple[Any, ...], tuple[Any, ...]] = {}

    def learn(self, connection: Connection, groups: Sequence[Sequence[Any]]) -> None:
        """Reads the entries that groups refer to; each begins with the values of the columns."""
        if len(self._of) > _REMEMBERED:
            self._of.clear()
            self._known = {field: {} for field in self._tables}
        for field, known in self._known.items():
            table = self._tables[field]
            if table in _ENTRIES:
                place = self._names.index(_ENTRIES[table])
                ids = sorted({group[place] for group in groups} - known.keys())
                if ids:
                    known.update(_query(table, field).rows(connection, id=json.dumps(ids)))

    def of(self, group: Sequence[Any]) -> tuple[Any, ...]:
        """Raises KeyError if an entry is missing, TypeError for arguments that are not texts."""
        key = tuple(group[: len(self._names)])
        found = self._of.get(key)
        if found is None:
            values = dict(zip(self._names, key, strict=True))
            found = self._of[key] = tuple(self._value(field, values) for field in self._tables)
        return found

    def _value(self, field: str, values: Mapping[str, Any]) -> Any:
        table = self._tables[field]
        if table == "run":
            return self._run[field]
        value = self._known[field][values[_ENTRIES[table]]] if table in _ENTRIES else values[field]
        if field == "argv":
            return _arguments(value)
        if FIELD_OF.get(field) and FIELD_OF[field].kind is Kind.BOOL:
            return bool(value)
        return readable(value) if isinstance(value, bytes) else value


def _arguments(value: str) -> tuple[str, ...]:
    """Raises TypeError if a forged value is not a list of texts."""
    try:
        found = tuple(map(json.loads, json.loads(value)))
    except (ValueError, RecursionError) as error:
        raise TypeError("arguments should be JSON") from error
    if not all(isinstance(argument, str) for argument in found):
        raise TypeError("an argument should be text")
    return found


def _query(table: str, field: str) -> Statement:
    entries = {"origin": tables.origin, "program": tables.program, "command": tables.command}[table]
    if field == COMMAND:
        value: Any = func.command_line(texts_of_command())
    elif field == "argv":
        value = texts_of_command()
    else:
        value = entries.c[field]
    return Statement(select(entries.c.id, value).where(one_of(entries.c.id)))
