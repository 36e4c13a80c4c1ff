"""Events as CSV, for spreadsheets."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from execdb.cli.show.cells import cell, json_cell
from execdb.store.event import Event
from execdb.store.fields import FIELD_OF, FIELDS
from execdb.store.kinds import Kind
from execdb.store.times import rfc3339


def csv_rows(events: Iterable[Event], names: Sequence[str] = ()) -> Iterator[str]:
    """RFC 4180 with a header; `names` are the keys (empty: all), argv is a JSON array. Invisible
    characters are escaped, and formulas are made harmless, so text is not exact to the byte: JSON
    is."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    fields = [FIELD_OF[name] for name in names] or FIELDS
    places, writers = [field.place for field in fields], [_writer(field.kind) for field in fields]
    writer.writerow([field.name for field in fields])
    for event in events:
        values = [event[place] for place in places]
        writer.writerow(
            [
                value if value is None else write(value)
                for write, value in zip(writers, values, strict=True)
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
