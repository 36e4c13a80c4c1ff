"""execdb coverage: which times were recorded, and which were not."""

import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from execdb.cli.input import options
from execdb.cli.input.formats import ReportFormat
from execdb.cli.output.escape import escape
from execdb.cli.output.stdout import emit
from execdb.cli.show.durations import duration
from execdb.cli.show.gap_notes import INCOMPLETE, causes, coverage_of, execs_of, reason, total
from execdb.cli.show.notes import replay_notes, trim_notes
from execdb.store.times import local_time, rfc3339

if TYPE_CHECKING:
    from execdb.store.ledger.coverage import Period


EXAMPLES = """
execdb coverage --since 7d
execdb coverage --since yesterday --until today --strict
execdb coverage --format json | jq '.[] | select(.kind == "blind")'
"""
NOTHING = "nothing can be said about that time: it is empty, or in the future"
NO_COLLECTOR = "no collector has recorded to this database"


def coverage(
    context: typer.Context,
    since: options.Since = None,
    until: options.Until = None,
    strict: options.Strict = False,
    format: Annotated[ReportFormat, typer.Option(help="How to show it.")] = ReportFormat.TEXT,
) -> None:
    """Show when execs were recorded, when some were lost, and when no collector
    was running."""
    from execdb.store.file.database import open_database
    from execdb.store.ledger.counting import events_in
    from execdb.store.ledger.periods import periods

    now_ns = time.time_ns()
    since_ns, until_ns = options.span_of(since, until, now_ns)
    until_ns = now_ns if until_ns is None else min(until_ns, now_ns)
    with open_database(context.obj) as database:
        known = coverage_of(database, context.obj)
        found = periods(known, since_ns, until_ns)
        events = events_in(database, [(each.from_ns, each.to_ns) for each in found])
        replays = replay_notes.sentences(database, since_ns, until_ns)
        described = [
            describe(*each)
            | {"trimmed": trim_notes.of(known.trims, each[0])}
            | {"replays": replay_notes.of(database, each[0].from_ns, each[0].to_ns)}
            for each in zip(found, events, strict=True)
        ]
    if format is ReportFormat.JSON:
        print(json.dumps(described))
    elif found:
        taken = trim_notes.sentences(trim_notes.within(known.trims, since_ns, until_ns))
        emit(f"{line}\n" for line in (*lines(found, events), *taken, *replays))
    else:
        print(NOTHING if known.runs else NO_COLLECTOR)
    if strict and (known.empty or not all(each.complete for each in found)):
        raise typer.Exit(INCOMPLETE)


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


def lines(found: Sequence["Period"], events: Sequence[int]) -> Iterator[str]:
    """For people: a line for each period, in local time, and one with the sums."""
    yield f"{'from':<23}  {'to':<23}  {'for':>12}  what"
    end = local_time(found[0].from_ns)
    for period, stored in zip(found, events, strict=True):
        begin, end = end, local_time(period.to_ns)  # each begins where the one before ended
        lasted = duration(period.to_ns - period.from_ns)
        yield f"{begin}  {end}  {lasted:>12}  {_what(period, stored)}"
    sums: dict[str, int] = {}
    for period in found:
        sums[period.kind] = sums.get(period.kind, 0) + period.to_ns - period.from_ns
    lost = sum(total(period.lost for period in found).values())
    times = ", ".join(f"{kind} {duration(sum_ns)}" for kind, sum_ns in sums.items())
    yield f"in all: {times}; {execs_of(sum(events))}, {lost} lost"


def _what(period: "Period", stored: int) -> str:
    if period.why is not None:
        imported = f", {execs_of(stored)} imported from elsewhere" if stored else ""
        return f"blind     {reason(period.why)}{imported}"
    extra = ""
    if period.lost:
        by_cause = dict(period.lost)
        extra = f", {sum(by_cause.values())} lost ({causes(by_cause)})"
    if period.pruned:
        extra = f", {period.pruned} pruned"
    return f"{escape(period.kind):<9} {execs_of(stored)}{extra}"
