"""execdb tree: who started what."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from execdb.cli.input.numbers import event_id, process_id
from execdb.cli.input.options import Redact, Strict
from execdb.cli.output.escape import escape
from execdb.cli.output.stdout import emit
from execdb.cli.show.gap_notes import coverage_of, gaps_in, report
from execdb.cli.show.lines import command_line
from execdb.store.errors import ExecdbError, UsageError
from execdb.store.event import Event
from execdb.store.times import local_time

_DEPTH = 64  # levels that a line shows
EXAMPLES = """
execdb tree 4711                         # the latest program of this process
execdb tree --id 42                      # an event, by its id
execdb tree                              # all that the latest run recorded
"""


def tree(
    context: typer.Context,
    pid: Annotated[
        int | None,
        typer.Argument(
            help="Process id; the latest program it ran is shown.",
            parser=process_id,
            metavar="PID",
        ),
    ] = None,
    id_: Annotated[
        int | None,
        typer.Option(
            "--id",
            help="Id of an event, as in query --format json. Ids below 0 are of programs that ran "
            "before the recording.",
            parser=event_id,
            metavar="ID",
        ),
    ] = None,
    redact: Redact = False,
    strict: Strict = False,
) -> None:
    """Show what started a program, and what it started.

    Without PID and --id, shows everything that the latest run of the collector recorded.
    """
    from execdb.store.file.database import open_database
    from execdb.store.reading.filter import Filter
    from execdb.store.reading.history import History
    from execdb.store.redaction.argv import redact_events

    if pid is not None and id_ is not None:
        raise UsageError("give a PID or --id, not both")
    with open_database(context.obj) as database:
        history = History(database)
        number = id_ if pid is None else history.latest_of(pid)
        if number is not None:
            events = history.family(number)
        elif pid is None:
            events = history.latest_run()
        else:
            events = []
        if not events:
            raise ExecdbError(_nothing(context.obj, pid, id_))
        gaps = gaps_in(coverage_of(database, context.obj), Filter(), _since_ns(events, number))
    shown = redact_events(events) if redact else events
    emit(f"{line}\n" for line in draw(shown, number))
    report(gaps, strict=strict)


def _nothing(path: Path, pid: int | None, number: int | None) -> str:
    if pid is None and number is None:
        return f"nothing is recorded in {path} yet: execdb collect records"
    wanted = f"event {number}" if pid is None else f"process {pid}"
    return f"there is no {wanted} in {path}: execdb query shows what there is"


def _since_ns(events: Sequence[Event], chosen: int | None) -> int | None:
    """The time from which on gaps matter: that of the chosen event, or the begin of the run."""
    run_id = max((event.run_id for event in events if event.id > 0), default=None)
    shown = (
        event
        for event in events
        if (event.id == chosen if chosen is not None else event.id > 0 and event.run_id == run_id)
    )
    return min((event.time_ns for event in shown), default=None)


def draw(events: Iterable[Event], chosen: int | None) -> Iterator[str]:
    """Draws each root with everything it started below it, and marks the chosen event. Chains can
    be deep where scripts exec each other, so nothing here recurses. Events that are their own
    ancestors, which only a forged file contains, are drawn once, the first with a mark."""
    children: dict[int | None, list[Event]] = defaultdict(list)
    events = list(events)
    there = {event.id for event in events}
    for event in events:
        children[event.parent_id if event.parent_id in there else None].append(event)
    drawn: set[int] = set()
    for root in (*children[None], *events):  # finally those in a circle, which no root leads to
        if root.id not in drawn:
            mark = CIRCLE if root.parent_id in there else ""
            for line in _below(root, children, drawn, chosen):
                yield line + mark
                mark = ""


CIRCLE = " (the file says that it is its own ancestor)"


def _below(
    root: Event, children: Mapping[int | None, list[Event]], drawn: set[int], chosen: int | None
) -> Iterator[str]:
    # Still to be drawn: an event, and the lines to its left.
    waiting = [(root, "", "")]
    drawn.add(root.id)
    while waiting:
        event, stem, branch = waiting.pop()
        yield stem + branch + describe(event, event.id == chosen)
        below = [child for child in children.get(event.id, ()) if child.id not in drawn]
        drawn.update(child.id for child in below)
        stem = _deeper(stem, branch)
        for position, child in enumerate(reversed(below)):
            waiting.append((child, stem, "├─ " if position else "└─ "))


def _deeper(stem: str, branch: str) -> str:
    """The lines to the left of an event's children. They show at most _DEPTH levels: otherwise the
    last program of a chain of 100,000 would have 300,000 characters before it."""
    stem += {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
    if len(stem) <= 3 * _DEPTH:
        return stem
    return "…  " + stem[-3 * (_DEPTH - 1) :]


def describe(event: Event, chosen: bool) -> str:
    """One line: pid, uid, time, how it ended and how long it ran, the command, the id."""
    mark = " <--" if chosen else ""
    return (
        f"{event.pid} uid {event.uid} {local_time(event.time_ns)} {_outcome(event)}: "
        f"{command_line(event) or escape(event.comm)} [id {event.id}]{mark}"
    )


def _outcome(event: Event) -> str:
    if event.id < 0 and event.ended is None:
        return "seen, not recorded"
    if event.errno is not None:
        return f"failed with {escape(event.errno)}"
    if event.ended is None:
        return "no end known"
    how = {
        "exit": f"exit {event.exit_code}",
        "signal": f"signal {event.signal}",
        "exec": "became the next",
    }[event.ended]
    seen = "seen, not recorded; " if event.id < 0 else ""
    return f"{seen}{how} after {(event.duration_ns or 0) / 1e9:.3f} s"
