"""What the history lacks, for people: which stretches, and in words."""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from execdb.cli.output.escape import escape
from execdb.cli.output.streams import say
from execdb.cli.show.durations import duration
from execdb.store.event import Event
from execdb.store.times import local_time

if TYPE_CHECKING:
    from execdb.store.file.database import Database
    from execdb.store.ledger.coverage import Story, Stretch
    from execdb.store.reading.filter import Filter

INCOMPLETE = 3  # the exit code of --strict


def story_of(database: "Database", path: Path) -> "Story":
    """When was recorded, as of now."""
    from execdb.store.file.collector_lock import collector_pid
    from execdb.store.ledger.coverage import read_story

    return read_story(database, time.time_ns(), recording=collector_pid(path) is not None)


def gaps_in(story: "Story", wanted: "Filter", oldest_ns: int | None = None) -> list["Stretch"]:
    """What is not whole of the time that was asked for; without limits, of all that was recorded;
    with `oldest_ns` what is older was not to be shown."""
    from execdb.store.ledger.coverage import stretches

    since_ns, until_ns = wanted.since_ns, wanted.until_ns
    if since_ns is None and until_ns is None and story.nothing:
        return [story.never]
    if until_ns is not None or since_ns is not None:
        until_ns = min(until_ns or story.now_ns, story.now_ns)  # the future is no gap
    else:
        until_ns = story.end_ns
    if since_ns is None:
        since_ns = story.begin_ns
    if oldest_ns is not None:
        since_ns = max(since_ns, oldest_ns)
    return [each for each in stretches(story, since_ns, until_ns) if not each.whole]


class Oldest:
    """The time of the oldest event that went through, and how many did."""

    def __init__(self) -> None:
        self.time_ns: int | None = None
        self.events = 0

    def watch(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            self.events += 1
            if self.time_ns is None or event.time_ns < self.time_ns:
                self.time_ns = event.time_ns
            yield event


PRUNED_MEANWHILE = "note: some execs were pruned before they could be read: the oldest are missing"


def report(gaps: Sequence["Stretch"], *, strict: bool, incomplete: bool = False) -> None:
    """A line on stderr for each kind of them, and one if execs went while they were read. With
    `strict` they are also an exit code."""
    for line in [*notes(gaps), *([PRUNED_MEANWHILE] if incomplete else [])]:
        say(line)
    if strict and (gaps or incomplete):
        raise typer.Exit(INCOMPLETE)


def notes(gaps: Sequence["Stretch"]) -> list[str]:
    """One line for each kind."""
    in_kinds = sorted(gaps, key=lambda gap: (gap.kind, gap.why or ""))
    return [note(list(alike)) for _, alike in groupby(in_kinds, lambda gap: (gap.kind, gap.why))]


def note(alike: Sequence["Stretch"]) -> str:
    """Stretches of one kind in a line."""
    first = alike[0]
    begin = local_time(min(gap.from_ns for gap in alike))
    end = local_time(max(gap.to_ns for gap in alike))
    when = f"from {begin} to {end}"
    if len(alike) > 1:
        when = f"in {len(alike)} stretches between {begin} and {end}"
    if first.kind == "lossy":
        by_cause = total(gap.lost for gap in alike)
        text = f"{sum(by_cause.values())} execs were lost {when} ({causes(by_cause)})"
    elif first.kind == "pruned":
        by_run = {
            gap.run_id: gap.pruned for gap in alike
        }  # losses may cut its stretch into several
        text = f"{sum(by_run.values())} execs {when} were pruned"
    elif first.why == "never recorded to":
        text = "nothing has been recorded to this file"
    else:
        text = f"nothing recorded {when} ({first.why})"
    if len(alike) > 1:
        text += f", {duration(sum(gap.to_ns - gap.from_ns for gap in alike))} in all; "
        text += "execdb coverage lists them"
    return f"note: {text}"


def total(losses: Iterable[Iterable[tuple[str, int]]]) -> dict[str, int]:
    """By cause."""
    found: dict[str, int] = {}
    for loss in losses:
        for cause, lost in loss:
            found[cause] = found.get(cause, 0) + lost
    return found


def causes(by_cause: dict[str, int]) -> str:
    """`ring full`, or `20 ring full, 3 no space`."""
    if len(by_cause) == 1:
        return escape(next(iter(by_cause)))
    return escape(", ".join(f"{lost} {cause}" for cause, lost in by_cause.items()))
