"""How events look: one function a format, each a generator of text. Knows nothing of where
the events come from or the text goes."""

import io
from collections.abc import Callable, Iterable, Iterator

from execdb.cli.output.escape import escape, quote
from execdb.cli.show.json_lines import objects
from execdb.store.event import Event
from execdb.store.fields import to_dict
from execdb.store.times import rfc3339

Renderer = Callable[[Iterable[Event]], Iterator[str]]


def plain(events: Iterable[Event]) -> Iterator[str]:
    """The book's line: pid uid comm message."""
    for event in events:
        name = event.caller or event.comm  # the book's program speaks before the exec
        yield f"{event.pid} {event.uid} {escape(name)} {escape(event.message)}\n"


def line(events: Iterable[Event]) -> Iterator[str]:
    """time pid ppid uid comm message argv..., argv quoted for a shell."""
    for event in events:
        yield (
            f"{rfc3339(event.time_ns)} {event.pid} {event.ppid} {event.uid} {escape(event.comm)} "
            f"{escape(event.message)} {command_line(event)}\n"
        )


def command_line(event: Event) -> str:
    """argv quoted for a shell; what was cut is said behind it."""
    text = " ".join(map(quote, event.argv))
    return f"{text} ... ({event.argc} arguments, cut)" if event.truncated else text


def ndjson(events: Iterable[Event]) -> Iterator[str]:
    return objects(events, "\n")


def json(events: Iterable[Event]) -> Iterator[str]:
    """One array, written as it comes."""
    start = "[\n"
    for text in objects(events):
        yield start + text
        start = ",\n"
    yield "[]\n" if start == "[\n" else "\n]\n"


def csv_lines(events: Iterable[Event]) -> Iterator[str]:
    """RFC 4180 with a header; argv is a JSON array. What cannot be seen is escaped, and what a
    spreadsheet would run is not run: what is exact to the byte is JSON."""
    import csv

    from execdb.cli.show.cells import cell, json_cell

    buffer = io.StringIO()
    writer = csv.writer(buffer)
    header = ["id", "run_id", "time_ns", "time", *Event._fields[3:]]
    writer.writerow(header)
    for event in events:
        values = to_dict(event) | {"argv": None, "truncated": int(event.truncated)}
        row = {key: cell(v) if isinstance(v, str) else v for key, v in values.items()}
        writer.writerow((row | {"argv": json_cell(event.argv)}).values())
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


FORMATS: dict[str, Renderer] = {
    "line": line,
    "plain": plain,
    "json": json,
    "ndjson": ndjson,
    "csv": csv_lines,
}


def renderer(name: str) -> Renderer:
    """The function of a format; Rich is imported only for a table."""
    if name == "table":
        from execdb.cli.show.table import table

        return table
    return FORMATS[name]
