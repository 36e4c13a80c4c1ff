"""execdb timeline: execs over time."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from execdb.cli.input import completion
from execdb.cli.input.formats import SumFormat
from execdb.cli.input.option_files import asked_by
from execdb.cli.input.options.classes import with_option_classes
from execdb.cli.input.options.filter import FilterOptions, filter_of
from execdb.cli.input.options.shared import Redact, Strict
from execdb.cli.input.redaction import value_redactor
from execdb.cli.output.colour import wants_colour
from execdb.cli.output.pager import pager
from execdb.cli.output.stdout import emit
from execdb.cli.output.streams import encode_for, say
from execdb.cli.show.durations import duration
from execdb.cli.show.gap_notes import execs_of, gaps_of
from execdb.cli.show.notes import lacking
from execdb.store.errors import UsageError

if TYPE_CHECKING:
    from execdb.cli.drawing.timeline_text import Note
    from execdb.store.asking.store import Store
    from execdb.store.ledger.coverage import Coverage
    from execdb.store.overview.timeline import Division
    from execdb.store.reading.filter import Filter

_LINES_LEAST, _LINES_BESIDE = 10, 4  # of a screen: what an answer has beside its intervals
EXAMPLES = """
execdb timeline                            # all of it, on a screen
execdb timeline --since 1h --every 1m --by comm
execdb timeline --failed uid=1000 --since yesterday --every 1h --format csv
"""


@with_option_classes
def timeline(
    context: typer.Context,
    chosen: FilterOptions,
    every: Annotated[
        str | None,
        typer.Option(
            help="Length of an interval: 10s, 5m, 1h, 1d.",
            metavar="LENGTH",
            show_default="so that all fits the screen",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="Count the values of this key separately: the most frequent ones that fit.",
            autocompletion=completion.groupable,
            metavar="FIELD",
            show_default=False,
        ),
    ] = None,
    utc: Annotated[bool, typer.Option("--utc", help="Times in UTC, not local.")] = False,
    redact: Redact = False,
    strict: Strict = False,
    format: Annotated[SumFormat, typer.Option(help="How to show it.")] = SumFormat.TABLE,
) -> None:
    """Show how many execs there were over time, and how many failed.

    Each line is an interval. The length of its bar is the number of execs; the part drawn as `x`,
    at its end, is those that failed. `/` marks time that was not recorded, `~` where execs were
    lost, `-` where they were pruned since; intervals in a row with nothing else are one line. `%`
    says what rules and limits kept out, `*` shows marks and changes of the config. With --by, `!`
    after a number says that some of these failed.
    """
    from execdb.cli.drawing.timeline_data import timeline_csv, timeline_json
    from execdb.cli.drawing.timeline_text import Look, timeline_lines
    from execdb.store.asking.opening import open_store
    from execdb.store.overview.intervals import zone_of
    from execdb.store.overview.regrouping import recounted
    from execdb.store.overview.timeline import Division

    wanted = filter_of(chosen)
    screen = shutil.get_terminal_size()
    with asked_by("every"):
        every_ns = _length_ns(every)
    with asked_by("by"):
        _require_one(by)
    division = Division(every_ns, max(_LINES_LEAST, screen.lines - _LINES_BESIDE), utc)
    encode_for(format)
    with open_store(context.obj) as store:
        known, oldest_ns = store.coverage(wanted), store.began_ns(wanted)
        span = _span(store, known, wanted, oldest_ns)
        gaps = sorted(gaps_of(known, wanted, oldest_ns), key=lambda gap: gap.from_ns)
        intervals = [] if span is None else store.timeline(wanted, span, division, by)
        if redact and by is not None:
            change = value_redactor(context, [by])
            for interval in intervals:
                interval.by = recounted(interval.by, change)
        notes = [] if span is None else sorted(_notes(store, wanted, span, division))
        if format is SumFormat.JSON:
            emit(timeline_json(intervals, gaps, notes, by))
        elif format is SumFormat.CSV:
            emit(timeline_csv(intervals, gaps, by))
        elif span is None:
            say("there is nothing at that time")
        else:
            look = Look(division.length_ns(*span), screen.columns, utc, wants_colour(sys.stdout))
            notes += [] if utc else _clock_notes(span)
            with pager():
                emit(timeline_lines(intervals, gaps, notes, zone_of(span[0], utc=utc), look))
        lacking.tell(store, wanted, gaps, oldest_ns, strict=strict)


def _length_ns(text: str | None) -> int | None:
    """Raises UsageError."""
    from execdb.store.terms.times import parse_length

    if text is None:
        return None
    length_ns = parse_length(text)
    if length_ns is None:
        raise UsageError(f"--every {text!r} is not a length of time: give 10s, 5m, 1h or 1d")
    return length_ns


def _require_one(by: str | None) -> None:
    """Raises UsageError if it is not one field that events can be grouped by."""
    from execdb.store.terms.names import groupable

    if by is not None and len(groupable(by)) > 1:
        raise UsageError(f"a timeline is split by one field: {by!r} are several")


def _span(
    store: "Store", known: "Sequence[Coverage]", wanted: "Filter", oldest_ns: int | None
) -> tuple[int, int] | None:
    """The time that is asked for, as far as something is known of it; None if nothing is."""
    rows = store.span_of(wanted)
    begins = [rows[0]] if rows else []
    ends = [rows[1]] if rows else []
    for each in known:
        if each.runs:
            begins.append(each.begin_ns)
            ends.append(each.end_ns if wanted.since_ns is None else each.now_ns)
    if not begins:
        return None
    since_ns = wanted.since_ns if wanted.since_ns is not None else min(begins)
    until_ns = min(max(ends), wanted.until_ns or max(ends))
    if oldest_ns is not None:
        since_ns = max(since_ns, oldest_ns)
    if rows:
        since_ns, until_ns = min(since_ns, rows[0]), max(until_ns, rows[1])
    return (since_ns, until_ns) if since_ns < until_ns else None


def _notes(
    store: "Store", wanted: "Filter", span: tuple[int, int], division: "Division"
) -> "Iterator[Note]":
    from execdb.cli.drawing.timeline_text import Note
    from execdb.cli.show.notes.remarks import remarks

    yield from _filtered_notes(store, wanted, span, division)
    for time_ns, text in remarks(store, wanted, *span):
        yield Note(time_ns, text)


def _filtered_notes(
    store: "Store", wanted: "Filter", span: tuple[int, int], division: "Division"
) -> "Iterator[Note]":
    from execdb.cli.drawing.timeline_text import Note

    for each in store.filtered(wanted, span, division.length_ns(*span)):
        why = f"rule {each.rule}" if each.cause == "rule" else f"the limit of uid {each.uid}"
        if each.cause == "limit" and each.uid is None:
            why = "limits of users"
        lasted = duration(each.to_ns - each.from_ns)
        text = f"{execs_of(each.execs)} kept out within {lasted} by {why}"
        yield Note(max(each.from_ns, span[0]), text, "%")


def _clock_notes(span: tuple[int, int]) -> "Iterator[Note]":
    from execdb.cli.drawing.timeline_text import Note
    from execdb.store.overview.intervals import clock_changes, zone_of

    for time_ns, shift_ns in clock_changes(*span):
        before, after = zone_of(time_ns - 1, utc=False), zone_of(time_ns, utc=False)
        way = "forward" if shift_ns > 0 else "back"
        minutes = abs(shift_ns) // (60 * 10**9)
        yield Note(time_ns, f"the clocks went {way} by {minutes} minutes, {before} to {after}")
