"""Events as CSV, for spreadsheets."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from execdb.cli.show.cells import cell, json_cell
from execdb.store.event import Event
from execdb.store.fields import FIELD_OF
from execdb.store.kinds import Kind
from execdb.store.reading.event_filter import value_of
from execdb.store.terms.term import COMMAND
from execdb.store.times import rfc3339


def csv_rows(events: Iterable[Event], names: Sequence[str] = ()) -> Iterator[str]:
    """RFC 4180 with a header; `names` are keys, or `command` (empty: all keys); argv is a JSON
    array. Invisible characters are escaped, and formulas are made harmless, so text is not exact to
    the byte: JSON is."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    names = names or [*FIELD_OF]
    cells = [_cell_of(name) for name in names]
    writer.writerow(names)
    for event in events:
        writer.writerow([cell_of(event) for cell_of in cells])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell_of(name: str) -> Callable[[Event], str | int | None]:
    """What writes the cell of a column."""
    if name == COMMAND:
        return lambda event: cell(value_of(event, COMMAND))
    place, write = FIELD_OF[name].place, _writer(FIELD_OF[name].kind)
    return lambda event: None if event[place] is None else write(event[place])


def _writer(kind: Kind) -> Callable[[Any], str | int]:
    """How a value other than null is written."""
    if kind is Kind.TIME_TEXT:
        return rfc3339
    if kind is Kind.TEXTS:
        return json_cell
    return cell if kind.is_text else int
