"""execdb import: adds events from a file."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG
from typing import Annotated

import typer

from execdb.cli.output.progress import shown
from execdb.cli.output.streams import say
from execdb.store.errors import BadEvent, ExecdbError

EXAMPLES = """
execdb import events.ndjson.gz           # into the default database
execdb import --db copy.db events.ndjson # into another one, made if needed
ssh build1 execdb query --limit 0 --format ndjson | execdb import -
"""
_PAUSE_S = 0.12  # SQLite retries a lock at least every 0.1 s


def import_(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="NDJSON, may be gzip-compressed; - reads standard input.", metavar="FILE"
        ),
    ],
) -> None:
    """Add events that `execdb query --format ndjson` wrote.

    Importing a file twice adds nothing: events that are there already only get an end or a parent
    that they lacked. A file with a bad line is refused as a whole. Creates the database if there
    is none.
    """
    from execdb.store.file.collector_lock import collector_pid
    from execdb.store.file.database import open_database
    from execdb.store.importing.importer import import_lines

    beside = collector_pid(context.obj) is not None
    try:
        with (
            _opened(file) as fd,
            open_database(context.obj, create=True) as database,
        ):
            lines = _watched(_lines(fd), fd)
            tally = import_lines(database, lines, _pause if beside else None)
    except BadEvent as error:
        name = "standard input" if str(file) == "-" else file
        raise BadEvent(f"{name}: {error}; nothing was imported") from error
    learned = f" ({tally.learned} of them learned their end)" if tally.learned else ""
    print(f"imported {tally.added} execs, {tally.known} were there already{learned}")
    if tally.orphans:
        sys.stdout.flush()
        say(f"note: {_orphans(tally.orphans)}")


def _pause() -> None:
    """Gives a collector that waits for the lock of the database time to get it."""
    time.sleep(_PAUSE_S)


def _orphans(count: int) -> str:
    whose = "the parent of 1 exec is" if count == 1 else f"the parents of {count} execs are"
    return f"{whose} unknown: not in the file, or several exports in it use the same id"


def _lines(fd: int) -> Iterator[str]:
    from execdb.store.importing.lines import read_lines

    try:
        yield from read_lines(fd)
    except OSError as error:
        raise BadEvent(f"cannot be read ({error.strerror})") from error


def _watched(lines: Iterator[str], fd: int) -> Iterator[str]:
    """The lines. On a terminal a bar shows the progress, in bytes of the file."""
    status = os.fstat(fd)
    if not S_ISREG(status.st_mode):
        return shown(lines, "importing", after_s=0)
    return shown(
        lines, "importing", status.st_size, lambda: os.lseek(fd, 0, os.SEEK_CUR), after_s=0
    )


@contextmanager
def _opened(file: Path) -> Iterator[int]:
    """A descriptor of the file, or of standard input for `-`."""
    if str(file) == "-":
        yield sys.stdin.fileno()
        return
    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ExecdbError(f"cannot read {file}: {error.strerror}; nothing was imported") from error
    try:
        yield fd
    finally:
        os.close(fd)
