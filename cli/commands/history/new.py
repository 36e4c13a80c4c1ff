"""execdb new: what had never run before."""

import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from execdb.cli.input import completion, numbers
from execdb.cli.input.formats import SumFormat
from execdb.cli.input.numbers import event_count
from execdb.cli.input.option_files import asked_by
from execdb.cli.input.options.classes import with_option_classes
from execdb.cli.input.options.filter import FilterOptions, filter_of
from execdb.cli.input.options.shared import Redact, Strict, UtcTable, WideTable
from execdb.cli.input.redaction import redactor, value_redactor
from execdb.cli.output.colour import wants_colour
from execdb.cli.output.pager import pager
from execdb.cli.output.stdout import emit
from execdb.cli.output.streams import encode_for, say
from execdb.cli.show.gap_notes import gaps_of
from execdb.cli.show.notes import lacking
from execdb.store.terms.times import parse_age
from execdb.store.times import local_time

if TYPE_CHECKING:
    from execdb.cli.sums.newcomer_table import First
    from execdb.store.reading.filter import Filter

_ON_A_TERMINAL = 50  # lines shown unless asked for more
_DAY_NS = 86_400 * 10**9
EXAMPLES = """
execdb new                                 # the last 24 hours against 30 days
execdb new --since today --baseline 7d --by comm,cwd
execdb new loginuid=1000..1999 --since 1h --format csv
"""


@with_option_classes
def new(
    context: typer.Context,
    chosen: FilterOptions,
    baseline: Annotated[
        str,
        typer.Option(
            help="Compare with this long before --since: 30d, 12h, or `all` that is recorded.",
            parser=numbers.baseline,
            metavar="LENGTH",
        ),
    ] = "30d",
    by: Annotated[
        str | None,
        typer.Option(
            help="Keys of an event that tell what is new: a combination of their values.",
            autocompletion=completion.groupable,
            metavar="FIELD[,FIELD...]",
            show_default="program and uid",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            help="Show only the latest N; 0 shows all.",
            parser=event_count,
            metavar="N",
            show_default="50 on a terminal, else all",
        ),
    ] = None,
    utc: UtcTable = False,
    wide: WideTable = False,
    redact: Redact = False,
    strict: Strict = False,
    format: Annotated[SumFormat, typer.Option(help="How to show it.")] = SumFormat.TABLE,
) -> None:
    """Show what had never run before, and who started it first.

    New is what ran from --since on (by default 24 hours before --until) and did not run in the
    baseline, the time before it. By default that is a program (`exe`, or `filename` where that is
    not known) run by a user; --by chooses other keys. Terms choose the events of both times. Failed
    attempts do not count, unless terms ask for them. What ran before only while nothing was
    recorded is shown as new as well: a note names such times.
    """
    from execdb.cli.sums.newcomer_table import firsts, redacted
    from execdb.store.asking.opening import open_store
    from execdb.store.overview.newcomers import PROGRAM
    from execdb.store.terms.names import groupable

    baseline_ns = None if baseline == "all" else parse_age(baseline)
    with asked_by("by"):
        fields = [PROGRAM, "uid"] if by is None else groupable(by)
    wanted = _complete(filter_of(chosen))
    encode_for(format)
    if limit is None:
        limit = _ON_A_TERMINAL if sys.stdout.isatty() and format is SumFormat.TABLE else 0
    with open_store(context.obj) as store:
        known = store.coverage(wanted)
        found = store.newcomers(wanted, baseline_ns, fields)
        shown = found[-limit:] if limit else found
        width = None if wide else shutil.get_terminal_size().columns
        rows = firsts(shown, store)
        if redact:
            hide, change = value_redactor(context, fields), redactor(context)
            rows = redacted(rows, hide, change)
        _show(rows if shown else None, fields, format, width, utc)
        if len(shown) < len(found):
            say(f"the latest {len(shown)} of {len(found)}; --limit 0 shows all")
        since_ns = wanted.since_ns or 0
        begin_ns = since_ns - (baseline_ns or 0)
        if baseline_ns is None:
            begin_ns = min((each.begin_ns for each in known), default=0)
        if format is SumFormat.TABLE:
            say(f"compared with {local_time(begin_ns)[:19]} to {local_time(since_ns)[:19]}")
        looked_at = replace(wanted, since_ns=min(begin_ns, since_ns))
        gaps = gaps_of(known, looked_at)
        lacking.tell(store, looked_at, gaps, None, strict=strict)


def _complete(wanted: "Filter") -> "Filter":
    """With the last day as the time, and successful execs alone, where nothing else is asked."""
    from execdb.store.terms.term import Term

    if wanted.since_ns is None:
        now_ns = time.time_ns()
        until_ns = now_ns if wanted.until_ns is None else min(wanted.until_ns, now_ns)
        wanted = replace(wanted, since_ns=until_ns - _DAY_NS)
    if wanted.failed is None and not any(t.field in ("errno", "caller") for t in wanted.terms):
        wanted = replace(wanted, terms=(*wanted.terms, Term("errno", (None,))))
    return wanted


def _show(
    rows: "Iterator[First] | None",
    fields: list[str],
    format: SumFormat,
    width: int | None,
    utc: bool,
) -> None:
    from execdb.cli.sums.newcomer_table import (
        newcomer_csv,
        newcomer_json,
        newcomer_table,
    )

    if format is SumFormat.JSON:
        emit(newcomer_json(rows or (), fields))
    elif format is SumFormat.CSV:
        emit(newcomer_csv(rows or (), fields))
    elif rows is not None:
        colour = wants_colour(sys.stdout)
        with pager():
            emit(newcomer_table(rows, fields, width, utc=utc, colour=colour))
    else:
        say("nothing ran for the first time")
