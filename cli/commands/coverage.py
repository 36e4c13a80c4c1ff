"""execdb coverage: when was recorded, and when not."""

import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from execdb.cli.input import options
from execdb.cli.input.formats import ReportFormat
from execdb.cli.output.escape import escape
from execdb.cli.output.stdout import emit
from execdb.cli.show import trim_notes
from execdb.cli.show.durations import duration
from execdb.cli.show.gap_notes import INCOMPLETE, causes, story_of, total
from execdb.store.times import local_time, rfc3339

if TYPE_CHECKING:
    from execdb.store.ledger.coverage import Stretch


EXAMPLES = """
execdb coverage --since 7d
execdb coverage --since yesterday --until today --strict
execdb coverage --format json | jq '.[] | select(.kind == "blind")'
"""
NOTHING = "nothing to tell of that time"
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
    from execdb.store.ledger.coverage import stretches

    now_ns = time.time_ns()
    since_ns, until_ns = options.span_of(since, until, now_ns)
    until_ns = now_ns if until_ns is None else min(until_ns, now_ns)
    with open_database(context.obj) as database:
        story = story_of(database, context.obj)
        found = stretches(story, since_ns, until_ns)
        events = events_in(database, [(each.from_ns, each.to_ns) for each in found])
    if format is ReportFormat.JSON:
        print(
            json.dumps(
                [
                    describe(*each) | {"trimmed": trim_notes.of(story.trimmed, each[0])}
                    for each in zip(found, events, strict=True)
                ]
            )
        )
    elif found:
        taken = trim_notes.sentences(trim_notes.within(story.trimmed, since_ns, until_ns))
        emit(f"{line}\n" for line in (*lines(found, events), *taken))
    else:
        print(NOTHING if story.lives else NO_COLLECTOR)
    if strict and (story.nothing or not all(each.whole for each in found)):
        raise typer.Exit(INCOMPLETE)


def describe(stretch: "Stretch", events: int) -> dict[str, Any]:
    """Everything there is to say, as plain data."""
    return {
        "kind": stretch.kind,
        "why": stretch.why,
        "from_ns": stretch.from_ns,
        "from_time": rfc3339(stretch.from_ns),
        "to_ns": stretch.to_ns,
        "to_time": rfc3339(stretch.to_ns),
        "duration_ns": stretch.to_ns - stretch.from_ns,
        "run_id": stretch.run_id,
        "events": events,
        "lost": dict(stretch.lost),
        "pruned": stretch.pruned,
    }


def lines(found: Sequence["Stretch"], events: Sequence[int]) -> Iterator[str]:
    """For people: local times, and the sums."""
    yield f"{'from':<23}  {'to':<23}  {'for':>12}  what"
    end = local_time(found[0].from_ns)
    for stretch, stored in zip(found, events, strict=True):
        begin, end = end, local_time(stretch.to_ns)  # each begins where the one before ended
        lasted = duration(stretch.to_ns - stretch.from_ns)
        yield f"{begin}  {end}  {lasted:>12}  {_what(stretch, stored)}"
    sums: dict[str, int] = {}
    for stretch in found:
        sums[stretch.kind] = sums.get(stretch.kind, 0) + stretch.to_ns - stretch.from_ns
    lost = sum(total(stretch.lost for stretch in found).values())
    times = ", ".join(f"{kind} {duration(sum_ns)}" for kind, sum_ns in sums.items())
    yield f"{times}; {sum(events)} execs, {lost} lost"


def _what(stretch: "Stretch", stored: int) -> str:
    if stretch.why is not None:
        imported = f", {stored} execs imported from elsewhere" if stored else ""
        return f"blind     {escape(stretch.why)}{imported}"
    extra = ""
    if stretch.lost:
        by_cause = dict(stretch.lost)
        extra = f", {sum(by_cause.values())} lost ({causes(by_cause)})"
    if stretch.pruned:
        extra = f", {stretch.pruned} pruned"
    return f"{escape(stretch.kind):<9} {stored} execs{extra}"
