"""execdb replay: shows the history at the pace it happened."""

import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from execdb.cli.input.formats import StreamFormat
from execdb.cli.input.options.classes import with_option_classes
from execdb.cli.input.options.filter import FilterOptions, filter_of
from execdb.cli.input.options.live import LiveOptions
from execdb.cli.input.options.replay import ReplayOptions
from execdb.cli.input.options.shared import Redact, Strict
from execdb.cli.input.redaction import redactor
from execdb.cli.output.counted import counted
from execdb.cli.output.stdout import emit
from execdb.cli.output.streams import encode_for, say
from execdb.cli.show.formats import renderer, row_renderer
from execdb.cli.show.gap_notes import INCOMPLETE, PRUNED_MEANWHILE, Shown, gaps_of, note
from execdb.cli.show.notes import replay_notes
from execdb.cli.show.notes.filter_notes import sentence
from execdb.cli.show.replay_timing import play, schedule, with_asides
from execdb.cli.table.look import Look
from execdb.store.central.url import CentralUrl
from execdb.store.errors import UsageError
from execdb.store.event import Event

if TYPE_CHECKING:
    from execdb.store.asking.store import Store
    from execdb.store.ledger.coverage import Period
    from execdb.store.reading.filter import Filter

_LATENESSES = 100_000  # kept for the report
EXAMPLES = """
execdb replay --since 10m                # the last 10 minutes, as it happened
execdb replay --since yesterday --speed 60 --idle-limit 1
execdb replay --descendants-of 42 --speed 0 --format ndjson
execdb replay --live --since 10m --dry-run # as processes that do nothing
"""


@with_option_classes
def replay(
    context: typer.Context,
    chosen: FilterOptions,
    given: ReplayOptions,
    how: LiveOptions,
    redact: Redact = False,
    strict: Strict = False,
    format: Annotated[StreamFormat, typer.Option(help="How to show them.")] = StreamFormat.LINE,
) -> None:
    """Play the recorded execs back with the pauses between them.

    An event must fulfil all terms and options that choose events; an option given twice, or a
    field named twice, is an alternative. Nothing is executed: each event is printed
    when it is due. Processes start only with --live: harmless stubs, whatever was recorded, which
    every recorder on the machine sees. On a terminal space pauses and continues, `.` shows the next
    event, `+` and `-` double and halve the speed. While the process is stopped (Ctrl-Z), so is the
    replay.
    """
    if given.live:
        if given.loop or redact or format is not StreamFormat.LINE:
            raise UsageError("--live goes without --loop, --redact and --format")
        _replay_live(context.obj, chosen, given, how, strict)
        return
    if replace(how, max_processes=LiveOptions.max_processes) != LiveOptions():
        raise UsageError(
            "--rate, --attempts, --dry-run, --force and --no-ancestors go with --live only"
        )
    from execdb.store.asking.opening import open_store

    encode_for(format)
    wanted, change, report = filter_of(chosen), redactor(context) if redact else iter, Report()
    with open_store(context.obj) as store:
        gaps = gaps_of(store.coverage(wanted), wanted, store.began_ns(wanted))
        replay_notes.note(store, wanted)
        asides = _asides(store, wanted, gaps)
        show = renderer(format, Look(hosts=store.has_hosts(wanted)))
        # Rows cannot be redacted, and lack what a pace needs to know.
        as_rows = format is StreamFormat.NDJSON and not (given.speed or redact)
        try:
            rows = store.json_rows(wanted) if as_rows and not given.loop else None
            if rows is not None:
                emit(row_renderer(format)(report.count(_say_between(rows, asides))))
            else:
                for events in _rounds(store, wanted, report, again=given.loop):
                    played = _played(change(events), asides, given, report)
                    emit(show(played), at_once=given.speed > 0)
        finally:
            if store.incomplete:
                _say(PRUNED_MEANWHILE)
            report.print()
    if strict and (gaps or store.incomplete):
        raise typer.Exit(INCOMPLETE)


def _replay_live(
    place: Path | CentralUrl,
    chosen: FilterOptions,
    given: ReplayOptions,
    how: LiveOptions,
    strict: bool,
) -> None:
    from execdb.cli.commands.history.live_replay import LiveReplay, live_replay

    options = LiveReplay(**vars(how), speed=given.speed, idle_limit=given.idle_limit, strict=strict)
    live_replay(place, filter_of(chosen), options)


def _rounds(
    store: "Store", wanted: "Filter", report: "Report", *, again: bool
) -> Iterator[Iterator[Event]]:
    """All events, once; with `again` until Ctrl-C, unless there are none."""
    yield store.events(wanted)
    while again and report.events:
        yield store.events(wanted)


def _asides(store: "Store", wanted: "Filter", gaps: Sequence["Period"]) -> list[tuple[int, str]]:
    """What is said between the events, with its time: gaps, what was left out on purpose, marks."""
    marks = store.marks(wanted, wanted.since_ns, wanted.until_ns)
    asides = [(gap.from_ns, note([gap])) for gap in gaps]
    for each in store.filters(wanted, wanted.since_ns):
        asides.append((each.from_ns, sentence([each])))
    return sorted(asides + [(mark.time_ns, f"mark: {mark.text}") for mark in marks])


def _played(
    events: Iterator[Event],
    asides: Sequence[tuple[int, str]],
    given: ReplayOptions,
    report: "Report",
) -> Iterator[Event]:
    """Each event when it is due, and each aside said."""
    if not given.speed:  # without pauses nothing can be late
        yield from report.count(_say_between(events, asides))
        return
    from execdb.cli.session.keys import Keys

    due = with_asides(schedule(events, given.speed, given.idle_limit), asides)
    with Keys() as keys:
        played = play(due, time.monotonic, keys.wait, _say, given.speed)
        yield from report.watch(played)


def _say_between(events: Iterator[Shown], asides: Sequence[tuple[int, str]]) -> Iterator[Shown]:
    if not asides:
        yield from events
    waiting = deque(asides)
    for event in events:
        while waiting and waiting[0][0] <= event.time_ns:
            _say(waiting.popleft()[1])
        yield event
    for _, text in waiting:
        _say(text)


def _say(text: str) -> None:
    """Prints a note in its place among the events, if both go to one terminal."""
    sys.stdout.flush()
    say(text)


class Report:
    """Counts events and how late they were, for the line at the end."""

    def __init__(self) -> None:
        self.events = 0
        self._late_s: list[float] = []
        self._started_s = time.monotonic()

    def watch(self, played: Iterator[tuple[Event, float]]) -> Iterator[Event]:
        for event, late_s in played:
            if len(self._late_s) >= _LATENESSES:
                self._late_s = self._late_s[1::2]  # keeps a sample, to bound memory
            self._late_s.append(late_s)
            self.events += 1
            yield event

    def count(self, events: Iterator[Shown]) -> Iterator[Shown]:
        for event in events:
            self.events += 1
            yield event

    def print(self) -> None:
        elapsed_s = time.monotonic() - self._started_s
        late = ""
        if self._late_s:
            from statistics import median

            middle_ms, worst_ms = median(self._late_s) * 1e3, max(self._late_s) * 1e3
            late = f", late by {middle_ms:.3f} ms in the median, {worst_ms:.3f} ms at most"
        say(f"replayed {counted(self.events, 'exec')} in {elapsed_s:.3f} s{late}")
