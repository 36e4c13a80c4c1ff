"""execdb stats: sums over groups of events."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from execdb.cli.input import completion
from execdb.cli.input.formats import SumFormat
from execdb.cli.input.numbers import event_count
from execdb.cli.input.option_files import asked_by
from execdb.cli.input.options.classes import with_option_classes
from execdb.cli.input.options.filter import FilterOptions, filter_of
from execdb.cli.input.options.shared import Redact, Strict, UtcTable
from execdb.cli.input.redaction import value_redactor
from execdb.cli.output import progress
from execdb.cli.output.colour import wants_colour
from execdb.cli.output.pager import pager
from execdb.cli.output.stdout import emit
from execdb.cli.output.streams import encode_for, say
from execdb.cli.show.gap_notes import gaps_of
from execdb.cli.show.notes import lacking

if TYPE_CHECKING:
    from execdb.cli.sums.group_table import Row
    from execdb.store.reading.selection import Span

_ON_A_TERMINAL = 20  # groups shown unless asked for more
EXAMPLES = """
execdb stats --since 1h                    # by command: how often, how long
execdb stats --by comm,uid --sort failed --limit 10
execdb stats comm=gcc,cc1 --by cwd --sort self --format csv
"""


class Column(StrEnum):
    """What groups can be sorted by."""

    RUNS = "runs"
    FAILED = "failed"
    TOTAL = "total"
    SELF = "self"
    CPU = "cpu"
    P50 = "p50"
    P95 = "p95"
    MAX = "max"
    FIRST = "first"
    LAST = "last"


@with_option_classes
def stats(
    context: typer.Context,
    chosen: FilterOptions,
    by: Annotated[
        str,
        typer.Option(
            help="Keys of an event whose values make a group; `command` is the whole line.",
            autocompletion=completion.groupable,
            metavar="FIELD[,FIELD...]",
        ),
    ] = "comm",
    sort: Annotated[
        Column, typer.Option(help="Largest first, by this column; `first`: oldest first.")
    ] = Column.TOTAL,
    limit: Annotated[
        int | None,
        typer.Option(
            help="Show only the first N groups; 0 shows all.",
            parser=event_count,
            metavar="N",
            show_default="20 on a terminal, else all",
        ),
    ] = None,
    utc: UtcTable = False,
    wide: Annotated[
        bool,
        typer.Option("--wide", help="In a table: all columns, whatever the width of the terminal."),
    ] = False,
    redact: Redact = False,
    strict: Strict = False,
    format: Annotated[SumFormat, typer.Option(help="How to show them.")] = SumFormat.TABLE,
) -> None:
    """Show how often and how long programs ran, and how many failed.

    Of each group: `runs`, with failed attempts; `failed`; `total`, the durations added up; `self`,
    without the time in which children ran, where one that execs another program is one child, and
    children side by side count no longer than from the first start to the last end; `p50` and
    `p95`, the durations that half and 95 % did not exceed, within 1.1 %; `max`; `first` and `last`,
    when it was started. Durations of programs that still run are not known and not counted. On a
    narrow terminal some columns are left out, never the one of --sort.
    """
    from execdb.cli.sums.group_table import csv_text, json_text, rows_of
    from execdb.store.asking.opening import open_store
    from execdb.store.overview.regrouping import regrouped
    from execdb.store.terms.names import groupable

    wanted = filter_of(chosen)
    with asked_by("by"):
        fields = groupable(by)
    encode_for(format)
    if limit is None:
        short = sys.stdout.isatty() and format is SumFormat.TABLE
        limit = _ON_A_TERMINAL if short else 0
    with open_store(context.obj) as store:
        known, oldest_ns = store.coverage(wanted), store.began_ns(wanted)
        groups = store.statistics(wanted, fields, _watched)
        if redact:
            groups = regrouped(groups, value_redactor(context, fields))
        rows = rows_of(groups, fields, sort.value)
        shown = rows[:limit] if limit else rows
        if format is SumFormat.TABLE:
            _show(fields, shown, sort.value, utc=utc, wide=wide)
        else:
            emit([(json_text if format is SumFormat.JSON else csv_text)(fields, shown)])
        if len(shown) < len(rows):
            say(f"{len(shown)} of {len(rows)} groups; --limit 0 shows all")
        gaps = gaps_of(known, wanted, oldest_ns)
        lacking.tell(store, wanted, gaps, oldest_ns, strict=strict)


def _show(
    fields: "Sequence[str]", rows: "Sequence[Row]", sort: str, *, utc: bool, wide: bool
) -> None:
    from execdb.cli.sums.group_table import Look, table

    width = None if wide or not sys.stdout.isatty() else shutil.get_terminal_size().columns
    look = Look(width, utc=utc, colour=wants_colour(sys.stdout), whole=wide)
    with pager():
        emit(table(fields, rows, look, sort))


def _watched(spans: "Sequence[Span]") -> "Iterator[Span]":
    return progress.shown(spans, "reading", len(spans), every=1, unit="segments")
