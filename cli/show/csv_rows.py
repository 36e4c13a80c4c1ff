"""Events as CSV, for spreadsheets."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from execdb.cli.show.cells import cell, json_cell
from execdb.store.event import Event
from execdb.store.fields import FIELDS
from execdb.store.kinds import Kind
from execdb.store.times import rfc3339


def csv_rows(events: Iterable[Event]) -> Iterator[str]:
    """RFC 4180 with a header; argv is a JSON array. Invisible characters are escaped, and formulas
    are made harmless, so text is not exact to the byte: JSON is."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([field.name for field in FIELDS])
    for event in events:
        values = [event[place] for place in _PLACES]
        writer.writerow(
            [
                value if value is None else write(value)
                for write, value in zip(_WRITERS, values, strict=True)
            ]
        )
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _writer(kind: Kind) -> Callable[[Any], str | int]:
    """How a value other than null is written."""
    if kind is Kind.TIME_TEXT:
        return rfc3339
    if kind is Kind.TEXTS:
        return json_cell
    return cell if kind.is_text else int


_PLACES = [field.place for field in FIELDS]
_WRITERS = [_writer(field.kind) for field in FIELDS]
