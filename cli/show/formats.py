"""The formats in which events are shown. A renderer knows nothing of where the events come from or
where the text goes."""

from collections.abc import Callable, Iterable, Iterator

from execdb.store.event import Event

Renderer = Callable[[Iterable[Event]], Iterator[str]]


def renderer(name: str) -> Renderer:
    """The renderer of a format. Only what this one needs is imported: for a table that is Rich.
    Raises KeyError for an unknown name."""
    if name == "table":
        from execdb.cli.show.table import table

        return table
    if name == "csv":
        from execdb.cli.show.csv_rows import csv_rows

        return csv_rows
    if name in ("json", "ndjson"):
        from execdb.cli.show import json_lines

        return {"json": json_lines.json, "ndjson": json_lines.ndjson}[name]
    from execdb.cli.show import lines

    return {"line": lines.line, "plain": lines.plain}[name]
