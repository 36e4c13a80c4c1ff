"""execdb import: events from a file."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from execdb.store.errors import ExecdbError

_SHOWN_EVERY = 1_000  # lines


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="NDJSON; - is standard input.", metavar="FILE")],
) -> None:
    """Add events as `query --format ndjson` writes them; those already there are left alone."""
    from execdb.store.database import open_database
    from execdb.store.transfer import import_lines

    with (
        _opened(file) as stream,
        open_database(context.obj, create=True) as database,
        _watched(stream) as lines,
    ):
        added, known = import_lines(database, _decoded(lines, file))
    print(f"imported {added} execs, {known} were there already")


def _decoded(lines: Iterable[str], file: Path) -> Iterator[str]:
    """Raises ExecdbError where a line cannot be decoded: the database is not to blame for that."""
    try:
        yield from lines
    except UnicodeDecodeError as error:
        raise ExecdbError(f"{file} is not UTF-8 ({error.reason}); nothing was imported") from error


@contextmanager
def _watched(stream: TextIO) -> Iterator[Iterable[str]]:
    """The lines, and on a terminal a bar that shows how far they have got."""
    if not sys.stderr.isatty():
        yield stream
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    raw = stream.buffer.raw  # type: ignore[attr-defined]
    size = os.fstat(raw.fileno()).st_size or None  # of a pipe nobody knows
    columns = TextColumn("importing"), BarColumn(), TextColumn("{task.fields[execs]:,} execs")
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task("", total=size, execs=0)

        def counted() -> Iterator[str]:
            for number, line in enumerate(stream):
                if number % _SHOWN_EVERY == 0:
                    progress.update(task, completed=raw.tell() if size else 0, execs=number)
                yield line

        yield counted()


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    if str(file) == "-":
        sys.stdin.reconfigure(encoding="utf-8", errors="strict")  # type: ignore[union-attr]
        yield sys.stdin
        return
    try:
        stream = file.open(encoding="utf-8")
    except OSError as error:
        raise ExecdbError(f"cannot read {file}: {error.strerror}") from error
    with stream:
        yield stream
