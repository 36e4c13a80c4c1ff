"""execdb import: events from a file."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from execdb.store.errors import ExecdbError


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="NDJSON; - is standard input.", metavar="FILE")],
) -> None:
    """Add events as `query --format ndjson` writes them; those already there are left alone."""
    from execdb.store.database import open_database
    from execdb.store.transfer import import_lines

    with _opened(file) as lines, open_database(context.obj, create=True) as database:
        try:
            added, known = import_lines(database, lines)
        except UnicodeDecodeError as error:
            raise ExecdbError(
                f"{file} is not UTF-8 ({error.reason}); nothing was imported"
            ) from error
    print(f"imported {added} execs, {known} were there already")


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
