"""execdb export: writes events of the history to a file, for other tools."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, NamedTuple, TypeVar

import typer

from execdb.cli.input.options.classes import with_option_classes
from execdb.cli.input.options.filter import FilterOptions, filter_of
from execdb.cli.input.options.shared import Strict
from execdb.cli.input.redaction import redactor
from execdb.cli.output import progress
from execdb.cli.output.escape import escape, limit_to_ascii
from execdb.cli.output.interrupts import ends_as_interrupt
from execdb.cli.output.streams import say
from execdb.cli.show.gap_notes import execs_of, gaps_of
from execdb.cli.show.notes import lacking
from execdb.cli.web import extra_needed
from execdb.store.errors import UsageError
from execdb.store.event import Event

if TYPE_CHECKING:
    from execdb.store.asking.store import Store
    from execdb.store.ledger.coverage import Coverage, Period
    from execdb.store.reading.filter import Filter

T = TypeVar("T")
EXAMPLES = """
execdb export hour.ndjson --since 1h     # JSON lines; import reads it
execdb export incident.html --since 03:00 --until 03:10
execdb export build.folded uid=alice     # for a flame graph
execdb export build.pftrace --since 1h   # for https://ui.perfetto.dev
execdb export history.sqlite             # one flat table, for Datasette
"""


class FileFormat(StrEnum):
    """Of a file."""

    NDJSON = "ndjson"
    CSV = "csv"
    FOLDED = "folded"
    SQLITE = "sqlite"
    PERFETTO = "perfetto"
    HTML = "html"


_ENDINGS = {"jsonl": FileFormat.NDJSON, "sqlite3": FileFormat.SQLITE, "db": FileFormat.SQLITE}
_ENDINGS |= {"pftrace": FileFormat.PERFETTO, "perfetto-trace": FileFormat.PERFETTO}
_ENDINGS |= {format.value: format for format in FileFormat}
_OF_SEVERAL_HOSTS = FileFormat.NDJSON, FileFormat.CSV  # the others identify events by ids


@with_option_classes
def export(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="The file; its ending chooses the format: .ndjson, .csv, .folded, .sqlite, "
            ".html, .pftrace.",
            show_default=False,
        ),
    ],
    chosen: FilterOptions,
    redact: Annotated[
        bool | None,
        typer.Option(
            "--redact/--no-redact",
            help="Show [redacted] for what looks like a secret in arguments: passwords, tokens, "
            "keys.",
            show_default="only for html",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    strict: Strict = False,
    format: Annotated[
        FileFormat | None, typer.Option(help="The format.", show_default="by the ending of FILE")
    ] = None,
) -> None:
    """Write recorded execs to a file: NDJSON, CSV, flame graph stacks, SQLite, HTML, Perfetto.

    The file appears when it is complete, readable by its owner alone. All of it is of one moment,
    also while a collector records. folded: stacks of program names with their own time in
    microseconds. sqlite: the tables execs, runs, losses and coverage. html: one page of at most
    50,000 execs with a time line, which needs no server (and execdb[web] to be written). perfetto
    (.pftrace): bars over time for https://ui.perfetto.dev, by login, job, service and container.
    """
    from execdb.cli.show.formats import renderer, row_renderer
    from execdb.store.asking.opening import open_store
    from execdb.store.export.new_file import new_file

    shown = _format_of(file, format)
    wanted = filter_of(chosen)
    with open_store(context.obj) as store, ends_as_interrupt(), store.snapshot():
        known, oldest_ns = store.coverage(wanted), store.began_ns(wanted)
        if shown not in _OF_SEVERAL_HOSTS and store.file is None and len(known) != 1:
            raise UsageError(
                f"{shown} takes the events of one host, not of {len(known)}: choose it by --host"
            )
        hidden = shown is FileFormat.HTML if redact is None else redact
        rows = store.json_rows(wanted) if shown is FileFormat.NDJSON and not hidden else None
        counted: Counted[Any] = Counted(
            progress.shown(store.events(wanted) if rows is None else rows, "exporting")
        )
        with (
            new_file(file, replace=force, but=store.file) as place,
            _metadata_beside(file, shown, force, store.file),
        ):
            events = redactor(context)(counted) if hidden else iter(counted)
            if rows is not None:
                _write_text(place, row_renderer(shown)(counted))
            elif shown in _OF_SEVERAL_HOSTS:
                _write_text(place, renderer(shown)(events))
            else:
                _write(place, file, shown, _Source(events, store, wanted, known[0], hidden))
        gaps = gaps_of(known, wanted, oldest_ns)
        say(f"{file}: {execs_of(counted.events)}")
        lacking.tell(store, wanted, gaps, oldest_ns, strict=strict)


def _format_of(file: Path, given: FileFormat | None) -> FileFormat:
    """Raises UsageError."""
    if str(file) == "-":
        raise UsageError("- is no file: execdb query --format ndjson writes to stdout")
    if not file.name:
        raise UsageError(f"{file} is not the name of a file")
    found = given or _ENDINGS.get(file.suffix.removeprefix(".").lower())
    if found is None:
        names = ", ".join(format.value for format in FileFormat)
        raise UsageError(f"the ending of {file} names no format: give --format, one of {names}")
    return found


class Counted(Generic[T]):
    """Events, or their rows, counted as they are read."""

    def __init__(self, events: Iterable[T]) -> None:
        self._source = events
        self.events = 0

    def __iter__(self) -> Iterator[T]:
        for event in self._source:
            self.events += 1
            yield event


class _Source(NamedTuple):
    """What a file is made of."""

    events: Iterable[Event]
    store: "Store"
    wanted: "Filter"
    known: "Coverage"
    redacted: bool

    @property
    def periods(self) -> "list[Period]":
        from execdb.store.ledger.periods import periods

        return periods(self.known, self.wanted.since_ns, self.wanted.until_ns)


def _write(place: Path, file: Path, format: FileFormat, source: _Source) -> None:
    """Fills an empty file, which will be called `file`."""
    if format is FileFormat.HTML:
        with extra_needed("html"):
            from execdb.cli.web.one_file import one_file
        events, store, wanted, known, redacted = source
        _write_text(place, one_file(store.browsed(), events, wanted, known, redacted=redacted))
    elif format is FileFormat.SQLITE:
        from execdb.store.export.flat import write_flat

        rows_of = partial(source.store.rows_of, wanted=source.wanted)
        write_flat(place, file, source.events, rows_of, source.periods)
    elif format is FileFormat.PERFETTO:
        _write_perfetto(place, source)
    else:
        from execdb.store.export.folded import folded
        from execdb.store.overview.family import ancestors

        _write_text(place, folded(source.events, partial(ancestors, source.store), escape))


@contextlib.contextmanager
def _metadata_beside(
    file: Path, format: FileFormat, force: bool, but: Path | None
) -> Iterator[None]:
    """For SQLite: `NAME.metadata.json`, by which Datasette shows NAME.sqlite."""
    if format is not FileFormat.SQLITE:
        yield
        return
    from execdb.store.export.datasette import metadata
    from execdb.store.export.new_file import new_file

    with new_file(file.with_suffix(".metadata.json"), replace=force, but=but) as place:
        place.write_text(json.dumps(metadata(file.stem), indent=2))
        yield


def _write_text(place: Path, texts: Iterable[str]) -> None:
    limit_to_ascii(False)
    with place.open("w", encoding="utf-8", errors="execdb", newline="") as file:
        file.writelines(texts)


def _write_perfetto(place: Path, source: _Source) -> None:
    from execdb.cli.show.lines import command_line
    from execdb.cli.show.notes.remarks import remarks
    from execdb.store.export.perfetto.trace import write_trace

    limit_to_ascii(False)
    wanted = source.wanted
    notes = remarks(source.store, wanted, wanted.since_ns, wanted.until_ns)
    with place.open("wb") as file:
        parts = write_trace(source.events, source.periods, notes, escape, command_line)
        file.writelines(parts)
