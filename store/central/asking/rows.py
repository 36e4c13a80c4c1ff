"""Rows of the central tables as events."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from execdb.store.central.asking.roster import Run
from execdb.store.central.tables.layout import expression
from execdb.store.central.text import from_central
from execdb.store.event import Event
from execdb.store.fields import FIELDS, Field
from execdb.store.kinds import Group, Kind

_FIELDS = [field for field in FIELDS if field.name != "time" and field.group is not Group.BOOT]
COLUMNS = ", ".join(f"{expression(field)} AS {field.name}" for field in _FIELDS)
_PLACES = [field.place for field in _FIELDS]
_RUN_ID = [field.name for field in _FIELDS].index("run_id")
_EVENT = len(Event._fields)


def events_of(rows: Iterator[tuple[Any, ...]], runs: Mapping[int, Run]) -> Iterator[Event]:
    """Events of rows that begin with COLUMNS."""
    readers = [value_reader(field) for field in _FIELDS]
    boot_id, host = Event._fields.index("boot_id"), Event._fields.index("host")
    for row in rows:
        run = runs.get(row[_RUN_ID])
        if run is None:  # it began after the question, or its row is gone
            continue
        values: list[Any] = [None] * _EVENT
        for place, read, value in zip(_PLACES, readers, row, strict=False):
            values[place] = value if read is None or value is None else read(value)
        values[boot_id], values[host] = run.boot_id, run.host
        yield Event._make(values)


def value_reader(field: Field) -> Callable[[Any], Any] | None:
    """What makes the value of a key of that of a column other than null; None: nothing to do."""
    if field.kind is Kind.TEXTS:
        return arguments_of
    return from_central if field.kind.most is None and field.kind is not Kind.BOOL else None


def arguments_of(text: str) -> tuple[str, ...]:
    """Of what is no list of texts, as only a forged row has it, the text: one such row must not
    keep anybody from reading the others."""
    try:
        found = json.loads(from_central(text))
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, list) and all(isinstance(argument, str) for argument in found):
        return tuple(found)
    return (from_central(text),)
