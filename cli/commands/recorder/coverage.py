"""execdb coverage: which times were recorded, and which were not."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from execdb.cli.input.formats import ReportFormat
from execdb.cli.input.options.filter import FilterOptions, filter_of, with_marks
from execdb.cli.input.options.shared import (
    Since,
    Strict,
    Until,
    UtcTable,
    WideTable,
    span_of,
)
from execdb.cli.output.colour import wants_colour
from execdb.cli.output.escape import escape
from execdb.cli.output.stdout import emit
from execdb.cli.show.gap_notes import INCOMPLETE
from execdb.cli.show.notes import replay_notes, trim_notes
from execdb.store.times import rfc3339

if TYPE_CHECKING:
    from execdb.cli.sums.coverage_table import Look
    from execdb.store.asking.store import Store
    from execdb.store.ledger.coverage import Coverage, Period
    from execdb.store.reading.filter import Filter
    from execdb.store.reading.replays import Replay


EXAMPLES = """
execdb coverage --since 7d
execdb coverage --since yesterday --until today --strict
execdb coverage --host web1 --since 7d   # where there are several
execdb coverage --format json | jq '.[] | select(.kind == "blind")'
"""
NOTHING = "nothing can be said about that time: it is empty, or in the future"
NO_COLLECTOR = "no collector has recorded to this database"
NO_HOST = "no such host has recorded or shipped anything"


def coverage(
    context: typer.Context,
    since: Since = None,
    until: Until = None,
    host: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this host, where there are several; * and ? match.",
            metavar="NAME",
            show_default="all",
        ),
    ] = None,
    utc: UtcTable = False,
    wide: WideTable = False,
    strict: Strict = False,
    format: Annotated[ReportFormat, typer.Option(help="How to show it.")] = ReportFormat.TEXT,
) -> None:
    """Show when execs were recorded, when some were lost, and when no collector
    was running.

    If the database also holds the files of other machines, each machine is shown. With the URL of
    a central store it shows each host, as far as it was shipped.
    """
    from execdb.cli.sums.coverage_table import Look
    from execdb.cli.table.layout import terminal_width
    from execdb.store.asking.opening import open_store

    now_ns = time.time_ns()
    chosen = with_marks(FilterOptions(since=since, until=until, host=host), context.obj)
    since_ns, until_ns = span_of(chosen.since, chosen.until, now_ns)
    span = since_ns, now_ns if until_ns is None else min(until_ns, now_ns)
    wanted = filter_of(FilterOptions(host=host))
    with open_store(context.obj) as store:
        covered = [each for each in store.coverage(wanted) if _is_asked_for(each, wanted)]
        reports = [_report(store, each, span) for each in covered]
    several = len(reports) > 1
    if format is ReportFormat.JSON:
        print(json.dumps([period for each in reports for period in each.described(several)]))
    elif reports:
        width = None if wide or not sys.stdout.isatty() else terminal_width()
        look = Look(width, utc, wants_colour(sys.stdout))
        emit(line for each in reports for line in each.lines(several, look))
    else:
        print(NO_HOST)
    if strict and not (reports and all(each.complete for each in reports)):
        raise typer.Exit(INCOMPLETE)


def _is_asked_for(known: "Coverage", wanted: "Filter") -> bool:
    """Whether it tells of a host that is wanted."""
    from execdb.store.terms.match import matcher

    holds = matcher(wanted.terms)
    return not known.names or any(holds({"host": name}) for name in known.names)


def _report(store: "Store", known: "Coverage", span: tuple[int | None, int]) -> "Report":
    from execdb.store.ledger.periods import periods

    found = periods(known, *span)
    events = store.counts(known, [(each.from_ns, each.to_ns) for each in found])
    runs, replays = known.run_ids, store.replays(_of_host(known.host))
    own = [each for each in replays if runs is None or each.run_id in runs]
    return Report(known, span, found, events, own)


def _of_host(host: str | None) -> "Filter":
    from execdb.store.reading.filter import Filter
    from execdb.store.terms.term import Term

    return Filter(() if host is None else (Term("host", (host,)),))


class Report(NamedTuple):
    """What is shown of a file, or of a host."""

    known: "Coverage"
    span: tuple[int | None, int]
    periods: "Sequence[Period]"
    events: Sequence[int]
    replays: "Sequence[Replay]"

    @property
    def complete(self) -> bool:
        before = self.known.runs and self.span[1] <= self.known.begin_ns
        return not (self.known.empty or before) and all(each.complete for each in self.periods)

    def described(self, several: bool) -> Iterator[dict[str, Any]]:
        """Everything that is known of each period, as plain data."""
        for period, events in zip(self.periods, self.events, strict=True):
            yield (
                ({"host": self.known.host} if several else {})
                | describe(period, events)
                | {"trimmed": trim_notes.of(self.known.trims, period)}
                | {"replays": replay_notes.of(self.replays, period.from_ns, period.to_ns)}
            )

    def lines(self, several: bool, look: "Look") -> Iterator[str]:
        """For people; with the name of the host above where there are several."""
        from execdb.cli.sums.coverage_table import coverage_table, fitted

        if several:
            yield f"host {escape(self.known.host or '')}\n"
        if not self.periods:
            yield f"{NOTHING if self.known.runs else NO_COLLECTOR}\n"
            return
        yield from coverage_table(self.periods, self.events, look)
        notes = trim_notes.sentences(trim_notes.within(self.known.trims, *self.span))
        notes += replay_notes.sentences(self.replays, *self.span)
        yield from fitted(notes, look.width)


def describe(period: "Period", events: int) -> dict[str, Any]:
    """Everything that is known about a period, as plain data."""
    return {
        "kind": period.kind,
        "why": period.why,
        "from_ns": period.from_ns,
        "from_time": rfc3339(period.from_ns),
        "to_ns": period.to_ns,
        "to_time": rfc3339(period.to_ns),
        "duration_ns": period.to_ns - period.from_ns,
        "run_id": period.run_id,
        "events": events,
        "lost": dict(period.lost),
        "pruned": period.pruned,
    }
