"""execdb import: adds events from a file."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Annotated

import typer

from execdb.cli.output.counted import counted
from execdb.cli.output.escape import escape
from execdb.cli.output.interrupts import ends_as_interrupt
from execdb.cli.output.progress import shown
from execdb.cli.output.streams import say
from execdb.store.errors import BadEvent, DatabaseOutdated, ExecdbError, Interrupted

if TYPE_CHECKING:
    from execdb.store.importing.target import Tally

EXAMPLES = """
execdb import events.ndjson.gz           # into the default database
execdb import --db copy.db events.ndjson # into another one, made if needed
execdb import --db fleet.db web1.db      # all of another database
ssh build1 execdb query --limit 0 --format ndjson | execdb import -
"""
_PAUSE_S = 0.12  # SQLite retries a lock at least every 0.1 s


def import_(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="NDJSON, may be gzip-compressed; or a database. - reads standard input.",
            metavar="FILE",
        ),
    ],
) -> None:
    """Add events that `execdb query --format ndjson` wrote, or all of another database.

    Importing a file twice adds nothing: events that are there already only get an end or a parent
    that they lacked. A file with a bad line is refused as a whole. Creates the database if there
    is none. From another machine's database it also adds the ledgers of its runs, its marks
    and the log of its config, so that coverage includes that machine. If it is interrupted, run it
    again: it adds what is missing.
    """
    from execdb.store.file.locks.collector_lock import collector_pid

    beside = collector_pid(context.obj) is not None
    try:
        with ends_as_interrupt():
            if _is_database(file):
                _merge(context.obj, file, beside)
            else:
                _import_lines(context.obj, file, beside)
    except KeyboardInterrupt:
        raise Interrupted("interrupted: run the import again to add what is missing") from None


def _import_lines(path: Path, file: Path, beside: bool) -> None:
    from execdb.store.file.copies.unmade import opened_or_made
    from execdb.store.importing.importer import import_lines
    from execdb.store.importing.lines import are_at_hand

    try:
        with _opened(file) as fd, opened_or_made(path) as database:
            lines, pause = _watched(_lines(fd), fd), _pause if beside else None
            tally = import_lines(database, lines, pause, at_hand=are_at_hand(fd))
    except BadEvent as error:
        name = "standard input" if str(file) == "-" else file
        raise BadEvent(f"{name}: {error}; nothing was imported") from error
    print(_sums(tally))
    if tally.orphans:
        sys.stdout.flush()
        say(f"note: {_orphans(tally.orphans)}")


def _is_database(file: Path) -> bool:
    """Whether the file begins as an SQLite database does. What is no file is not looked at."""
    from execdb.store.schema.constants import MAGIC

    try:
        if not S_ISREG(os.stat(file).st_mode):
            return False
        with file.open("rb") as opened:
            return opened.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _merge(path: Path, file: Path, beside: bool) -> None:
    from execdb.store.file.copies.unmade import opened_or_made
    from execdb.store.file.database import open_database
    from execdb.store.merging.merge import merge_file

    try:
        other = open_database(file)
    except DatabaseOutdated as error:
        raise ExecdbError(f"{error} --db {file}, then import it") from error
    with other, opened_or_made(path) as database:
        done = merge_file(database, other, _pause if beside else None)
    hosts = ", ".join(map(escape, done.hosts)) or "no machine"
    print(f"{_sums(done.tally)}; of {counted(done.runs, 'run')} of {hosts}")
    sys.stdout.flush()
    if done.own:
        say(
            f"note: {done.own} of its runs were recorded to {escape(str(path))} itself: they were "
            "left as they are"
        )
    if done.twice:
        say(
            f"note: {counted(done.twice, 'exec')} recorded twice: by another collector on the same "
            "machine as well"
        )


def _sums(tally: "Tally") -> str:
    learned = f" ({tally.learned} of them learned their end)" if tally.learned else ""
    return f"imported {counted(tally.added, 'exec')}, {tally.known} were there already{learned}"


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
