"""What a history lacks, in sentences: periods in which execs were lost, pruned or not recorded."""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from execdb.cli.output.counted import counted
from execdb.cli.output.escape import escape
from execdb.cli.output.streams import say
from execdb.cli.show.durations import duration
from execdb.store.event import Event
from execdb.store.times import local_time

if TYPE_CHECKING:
    from execdb.store.file.database import Database
    from execdb.store.ledger.coverage import Coverage, Period
    from execdb.store.reading.filter import Filter
    from execdb.store.segments.reader import JsonRow

Shown = TypeVar("Shown", Event, "JsonRow")
INCOMPLETE = 3  # the exit code of --strict
_EVER_NS = -(1 << 63)  # before every time that can be asked for


def coverage_of(database: "Database", path: Path) -> "Coverage":
    """Which times the file covers, as of now. Raises DatabaseError."""
    from execdb.store.file.locks.collector_lock import collector_pid
    from execdb.store.ledger.read_coverage import read_coverage

    return read_coverage(database, time.time_ns(), recording=collector_pid(path) is not None)


def gaps_in(coverage: "Coverage", wanted: "Filter", oldest_ns: int | None = None) -> list["Period"]:
    """The incomplete periods of the time that a filter asks for, or of all recorded time. Periods
    before `oldest_ns` do not count: nothing that old was shown."""
    from execdb.store.ledger.coverage import Kind, Period, Why
    from execdb.store.ledger.periods import periods

    since_ns, until_ns, now_ns = wanted.since_ns, wanted.until_ns, coverage.now_ns
    if since_ns is None and until_ns is None:
        if coverage.empty:
            return [Period(Kind.BLIND, 0, now_ns, Why.NEVER)]
        until_ns = coverage.end_ns
    else:
        until_ns = now_ns if until_ns is None else min(until_ns, now_ns)  # the future is no gap
    if since_ns is None:
        before = coverage.empty or until_ns <= coverage.begin_ns
        since_ns = _EVER_NS if before else coverage.begin_ns
    if oldest_ns is not None:
        since_ns = max(since_ns, oldest_ns)
    return [each for each in periods(coverage, since_ns, until_ns) if not each.complete]


def gaps_of(
    known: Sequence["Coverage"], wanted: "Filter", oldest_ns: int | None = None
) -> list["Period"]:
    """The same of a store, which may cover several hosts: then periods name theirs."""
    from execdb.store.ledger.coverage import Kind, Period, Why

    if not known:
        return [Period(Kind.BLIND, 0, time.time_ns(), Why.NO_HOST)]
    return [
        gap._replace(host=each.host) if len(known) > 1 else gap
        for each in known
        for gap in gaps_in(each, wanted, oldest_ns)
    ]


class Oldest:
    """Counts the events that pass through `watch`, and keeps the time of the oldest one."""

    def __init__(self) -> None:
        self.time_ns: int | None = None
        self.events = 0

    def watch(self, events: Iterable[Shown]) -> Iterator[Shown]:
        for event in events:
            self.events += 1
            if self.time_ns is None or event.time_ns < self.time_ns:
                self.time_ns = event.time_ns
            yield event


PRUNED_MEANWHILE = "note: some execs were pruned before they could be read: the oldest are missing"


def report(gaps: Sequence["Period"], *, strict: bool, incomplete: bool = False) -> None:
    """A line on stderr for each kind of gap, and one if execs were pruned while they were read.
    With `strict` they also set the exit code."""
    for line in [*notes(gaps), *([PRUNED_MEANWHILE] if incomplete else [])]:
        say(line)
    if strict and (gaps or incomplete):
        raise typer.Exit(INCOMPLETE)


def notes(gaps: Sequence["Period"]) -> list[str]:
    """One line for each kind."""
    in_kinds = sorted(gaps, key=lambda gap: (gap.kind, gap.why or ""))
    return [note(list(alike)) for _, alike in groupby(in_kinds, lambda gap: (gap.kind, gap.why))]


def note(alike: Sequence["Period"]) -> str:
    """A sentence about periods of one kind."""
    first = alike[0]
    begin = local_time(min(gap.from_ns for gap in alike))
    end = local_time(max(gap.to_ns for gap in alike))
    when = f"from {begin} to {end}{_on_hosts(alike)}"
    if first.from_ns == _EVER_NS:
        when = f"before {end}{_on_hosts(alike)}"
    if len(alike) > 1:
        when = f"in {len(alike)} periods between {begin} and {end}{_on_hosts(alike)}"
    if first.kind == "lossy":
        by_cause = total(gap.lost for gap in alike)
        lost = sum(by_cause.values())
        text = f"{execs_of(lost)} {were(lost)} lost {when} ({causes(by_cause)})"
    elif first.kind == "pruned":
        # A loss may divide the period of one removal into several.
        removals = {(gap.host, gap.run_id, gap.removal_ns): gap.pruned for gap in alike}
        pruned = sum(removals.values())
        text = f"{execs_of(pruned)} {when} {were(pruned)} pruned"
    elif first.why == "never recorded to":
        text = "nothing has been recorded to this file"
    elif first.why == "no such host":
        text = "no such host has shipped anything"
    elif first.why == "not shipped yet":
        text = f"what ran {when} was not shipped yet"
    else:
        text = f"nothing was recorded {when} ({reason(first.why)})"
    if len(alike) > 1:
        text += f", {duration(sum(gap.to_ns - gap.from_ns for gap in alike))} in all; "
        text += "execdb coverage lists them"
    return f"note: {text}"


def _on_hosts(alike: Sequence["Period"]) -> str:
    hosts = sorted({gap.host for gap in alike if gap.host is not None})
    if len(hosts) > 1:
        return f" on {len(hosts)} hosts"
    return f" on {escape(hosts[0])}" if hosts else ""


def execs_of(number: int) -> str:
    """`1 exec`, `23 execs`."""
    return counted(number, "exec")


def were(number: int) -> str:
    """The verb of a sentence about so many execs."""
    return "was" if number == 1 else "were"


def reason(why: str | None) -> str:
    """Why a period is blind, in words."""
    return escape(_REASONS.get(why or "", why or ""))


_REASONS = {
    "no collector": "no collector was running",
    "crash": "the collector had crashed",
    "collector silent": "a collector is running, but has written nothing",
    "not shipped yet": "not shipped to the central store yet",
}


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
