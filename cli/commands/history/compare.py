"""execdb compare: how two histories differ."""

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from execdb.cli.command import database_path
from execdb.cli.commands.history.replayed import (
    latest_replay,
    replayed_from,
    without_attempts,
)
from execdb.cli.input.formats import ReportFormat
from execdb.cli.input.option_files import asked_by
from execdb.cli.input.options.classes import with_option_classes
from execdb.cli.input.options.compare import CompareOptions
from execdb.cli.input.options.filter import FilterOptions, filter_of
from execdb.cli.input.redaction import redactor
from execdb.cli.output.colour import wants_colour
from execdb.cli.output.escape import escape
from execdb.cli.output.pager import pager
from execdb.cli.output.stdout import emit
from execdb.cli.output.streams import encode_for, say
from execdb.cli.show.gap_notes import INCOMPLETE, coverage_of, gaps_in, notes
from execdb.cli.show.notes import replay_notes
from execdb.store.errors import ExecdbError, UsageError

if TYPE_CHECKING:
    from execdb.store.comparison.comparison import Comparison
    from execdb.store.comparison.fields import Fields
    from execdb.store.file.database import Database
    from execdb.store.ledger.coverage import Period
    from execdb.store.reading.filter import Filter
    from execdb.store.reading.history import History

_DIFFERENT = 1  # the exit code
EXAMPLES = """
execdb compare monday.db tuesday.db      # two files
execdb compare 1 2 uid=alice --alike     # two runs of one file: two builds
execdb compare 1 2 --ignore cwd,argv     # what each started, and how it ended
"""


@with_option_classes
def compare(
    context: typer.Context,
    a: Annotated[
        str, typer.Argument(metavar="A", help="A file, or the number of a run of --db (run_id).")
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="The same, for the other side.")],
    chosen: FilterOptions,
    given: CompareOptions,
) -> None:
    """Compare two histories as trees, field by field: two files, or two runs of one.

    Terms and options choose events on both sides. Events are paired from the roots down: children
    of a pair that started the same, or have the same fields, command or file. Shown is what is only
    in A, only in B, different (`failed now`: it failed in B only), and what was slower in B. These
    are compared: filename, comm, argv, argc, truncated, uid, euid, gid, errno, cwd, ended,
    exit_code, signal, and whether a process replaced itself; pids and times are not. Exit code 1 if
    they differ; being slower does not count.
    """
    with asked_by("ignore"):
        fields = _fields(given.ignore, given.alike)
    wanted = filter_of(chosen)
    encode_for(given.format)
    with ExitStack() as opened:
        sides = [
            opened.enter_context(_opened(context.obj, place, name, wanted))
            for place, name in ((a, "A"), (b, "B"))
        ]
        if given.replay:
            a_side, b_side = sides
            sides = [a_side, b_side._replace(wanted=latest_replay(b_side.history))]
        made = _compared(sides, fields, given)
        _show(made, redactor(context) if given.redact else iter, given)
        gaps = [gap for side in sides for gap in side.report()]
        incomplete = any(side.history.incomplete for side in sides)
    if given.strict and (gaps or incomplete):
        raise typer.Exit(INCOMPLETE)
    if made.totals.differ or (given.order and made.totals.reordered):
        raise typer.Exit(_DIFFERENT)


class _Side(NamedTuple):
    """One side: where it is from, and which of its events are meant."""

    name: str
    path: Path
    database: "Database"
    history: "History"
    wanted: "Filter"
    run_id: int | None

    def report(self) -> "list[Period]":
        """Prints what the side lacks in the time that is meant."""
        from execdb.store.asking.file import FileStore

        known = coverage_of(self.database, self.path)
        gaps = gaps_in(known, self.wanted, self.history.began_ns(self.wanted))
        if self.run_id is not None:
            gaps = [gap for gap in gaps if gap.run_id == self.run_id]
        removed = ["some execs were pruned before they could be read"]
        replay_notes.note(FileStore(self.history, self.path), self.wanted)
        for line in [*notes(gaps), *(removed if self.history.incomplete else [])]:
            say(f"note: {self.name}: {line.removeprefix('note: ')}")
        return gaps


@contextmanager
def _opened(default: Path, given: str, name: str, wanted: "Filter") -> "Iterator[_Side]":
    """Raises ExecdbError, UsageError."""
    from execdb.store.file.database import open_database
    from execdb.store.reading.history import History
    from execdb.store.terms.term import Term

    run_id = int(given) if given.isascii() and given.isdecimal() and len(given) < 19 else None
    path = default if run_id is not None else database_path(given)
    if run_id is not None:
        wanted = replace(wanted, terms=(*wanted.terms, Term("run_id", (run_id,))))
    with open_database(path) as database:
        history = History(database)
        if run_id is not None and not history.has_run(run_id):
            raise ExecdbError(f"there is no run {run_id} in {path}: execdb status shows the runs")
        yield _Side(name, path, database, history, wanted, run_id)


def _fields(ignore: str | None, alike: bool) -> "Fields":
    """Raises UsageError for a key that is not compared anyway."""
    from execdb.store.comparison.fields import FIELDS, Fields

    ignored = [name.strip() for name in ignore.split(",")] if ignore else []
    for name in ignored:
        if name not in FIELDS:
            near = get_close_matches(name, FIELDS, n=1)
            hint = f": did you mean {near[0]}?" if near else f": these are: {', '.join(FIELDS)}"
            raise UsageError(
                f"--ignore: {escape(name)!r} is not among the keys that are compared{hint}"
            )
    return Fields(tuple(name for name in FIELDS if name not in ignored), alike)


def _compared(sides: Sequence[_Side], fields: "Fields", given: CompareOptions) -> "Comparison":
    """Raises ExecdbError if there is nothing to compare."""
    from execdb.store.comparison.comparison import Comparison
    from execdb.store.comparison.side import Side

    of_a, of_b = sides
    if given.replay:
        b = Side("B", of_b.history.events(of_b.wanted), fields)
        wanted = of_a.wanted if "errno" in b.known else without_attempts(of_a.wanted)
        a = Side("A", replayed_from(of_a.history, wanted, given.ancestors), fields)
    else:
        a, b = (Side(each.name, each.history.events(each.wanted), fields) for each in sides)
    if not len(a) and not len(b):
        raise ExecdbError("no execs to compare: execdb query shows what there is")
    return Comparison(
        (a, b), [each.history.rows_with for each in sides], fields, given.slower or None
    )


def _show(
    made: "Comparison", hide: Callable[[Iterable[Any]], Iterator[Any]], given: CompareOptions
) -> None:
    from execdb.cli.drawing.difference_json import difference_json
    from execdb.cli.drawing.difference_text import difference_lines, totals_lines

    found = made.differences(given.limit, hide)
    with pager():
        if given.format is ReportFormat.JSON:
            emit(difference_json(found, made.totals, made.missing))
            return
        width = None if given.wide else shutil.get_terminal_size().columns
        colour = wants_colour(sys.stdout)
        emit(f"{line}\n" for line in difference_lines(found, width, colour=colour))
        emit(f"{line}\n" for line in totals_lines(made.totals, made.missing))
