"""The formats in which events are shown. A renderer knows nothing of where the events come from or
where the text goes."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from execdb.cli.table.look import Look
from execdb.store.event import Event

if TYPE_CHECKING:
    from execdb.store.segments.reader import JsonRow

_PLAIN = Look()
Renderer = Callable[[Iterable[Event]], Iterator[str]]


def row_renderer(name: str) -> "Callable[[Iterable[JsonRow]], Iterator[str]]":
    """The renderer of "json" or "ndjson" for rows of `Store.json_rows`."""
    from execdb.cli.show import json_lines

    return {"json": json_lines.json_of_rows, "ndjson": json_lines.ndjson_of_rows}[name]


def renderer(name: str, look: Look = _PLAIN) -> Renderer:
    """The renderer of a format. Only what this one needs is imported: for a table that is Rich.
    Raises KeyError for an unknown name."""
    if name == "table":
        from execdb.cli.show.event_table import event_table

        return partial(event_table, look=look)
    if name == "csv":
        from execdb.cli.show.csv_rows import csv_rows

        return partial(csv_rows, names=look.columns)
    if name in ("json", "ndjson"):
        from execdb.cli.show import json_lines

        return partial(getattr(json_lines, name), names=look.columns)
    from execdb.cli.show import lines

    if name == "plain":
        return lines.plain
    shown = {"line": lines.line, "line or end": lines.line_or_end}[name]
    return partial(shown, hosts=True) if look.hosts else shown
