"""execdb tree: who started what."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from execdb.cli.input.filter_options import FilterOptions, filter_of, with_filter_options
from execdb.cli.input.formats import ReportFormat
from execdb.cli.input.numbers import event_count, event_id, process_id
from execdb.cli.input.options import Redact, Strict, Wide
from execdb.cli.input.redaction import redactor
from execdb.cli.output.colour import wants_colour
from execdb.cli.output.pager import pager
from execdb.cli.output.stdout import emit
from execdb.cli.output.streams import encode_for, say
from execdb.cli.show.gap_notes import coverage_of, gaps_in
from execdb.cli.show.notes import lacking
from execdb.store.errors import ExecdbError, UsageError
from execdb.store.event import Event

if TYPE_CHECKING:
    from execdb.store.overview.family import Family
    from execdb.store.reading.filter import Filter
    from execdb.store.reading.history import History

_LIMIT = 500  # programs, unless asked for more
EXAMPLES = """
execdb tree 4711                         # the latest program of this process
execdb tree --id 42 --up                 # an event, and what started it
execdb tree --failed --since 1h          # what failed, with its ancestors
execdb tree --depth 2                    # the latest run
"""


@with_filter_options
def tree(
    context: typer.Context,
    chosen: FilterOptions,
    id_: Annotated[
        int | None,
        typer.Option(
            "--id",
            help="Id of an event, as in query --format json. Ids below 0 are of programs that "
            "ran before the recording.",
            parser=event_id,
            metavar="ID",
        ),
    ] = None,
    up: Annotated[
        bool, typer.Option("--up", help="Show what started the programs, but with --down alone.")
    ] = False,
    down: Annotated[bool, typer.Option("--down", help="Show what the programs started.")] = False,
    depth: Annotated[
        int | None,
        typer.Option(
            help="Show at most N levels below the program; without one, below the top.",
            parser=event_count,
            metavar="N",
            show_default="all",
        ),
    ] = None,
    limit: Annotated[
        int,
        typer.Option(
            help="Show at most N programs: the nearest, or the latest ones; 0 shows all.",
            parser=event_count,
            metavar="N",
        ),
    ] = _LIMIT,
    redact: Redact = False,
    numeric: Annotated[bool, typer.Option("--numeric", help="Uids, not names.")] = False,
    wide: Wide = False,
    strict: Strict = False,
    format: Annotated[ReportFormat, typer.Option(help="How to show it.")] = ReportFormat.TEXT,
) -> None:
    """Show what started a program, and what it started.

    A single number is a process id: the latest program that it ran, with ancestors and
    descendants (--up or --down: only these). Terms and options choose programs, which are shown
    with their ancestors, and with --down what they started. Without any, all that the latest run
    recorded. `<--` marks what was asked for. Of each program: pid, user, start, how it ended and
    how long it took; red is what failed, bold what took much of its parent's time.
    """
    from execdb.store.file.database import open_database
    from execdb.store.reading.filter import Filter
    from execdb.store.reading.history import History

    pid, chosen = _pid_in(chosen)
    if pid is not None and id_ is not None:
        raise UsageError("give a PID or --id, not both")
    wanted = filter_of(chosen)
    encode_for(format)
    with open_database(context.obj) as database:
        history = History(database)
        number = history.latest_of(pid) if pid is not None else id_
        if (pid is not None or id_ is not None) and wanted != Filter():
            if wanted.descendants_of is not None:
                raise UsageError("give a PID or --id, or --descendants-of, not both")
            wanted = replace(wanted, descendants_of=number)
        family = _family(history, wanted, (pid, id_, number), (up, down, depth, limit))
        if not family.events:
            raise ExecdbError(_nothing(context.obj, pid, id_, wanted))
        known = coverage_of(database, context.obj)
        since_ns = _since_ns(family.events, number) if wanted == Filter() else None
        oldest_ns = since_ns or history.began_ns(wanted)
        gaps = gaps_in(known, wanted, oldest_ns)
        if depth is not None and number is None:
            family = _shallow(family, depth)
        events = list(redactor(context)(family.events)) if redact else family.events
        _show(events, family, format, None if wide else shutil.get_terminal_size().columns, numeric)
        if family.cut:
            say(f"{len(events)} programs, not all: --limit 0 shows all, terms and --depth choose")
        lacking.tell(history, wanted, gaps, oldest_ns, strict=strict)


def _pid_in(chosen: FilterOptions) -> tuple[int | None, FilterOptions]:
    """The process id among the arguments, and the rest."""
    terms = chosen.terms or []
    pids = [text for text in terms if text.strip("+-").isdecimal()]
    if len(pids) > 1:
        raise UsageError(f"one PID, not {len(pids)}: give pid={','.join(pids)} for several")
    rest = [text for text in terms if text not in pids]
    return process_id(pids[0]) if pids else None, replace(chosen, terms=rest)


def _family(
    history: "History",
    wanted: "Filter",
    asked: tuple[int | None, int | None, int | None],
    how: tuple[bool, bool, int | None, int],
) -> "Family":
    from execdb.store.overview.family import (
        Family,
        Reach,
        family_of,
        latest_run,
        matching_families,
    )
    from execdb.store.reading.filter import Filter

    pid, id_, number = asked
    up, down, depth, limit = how
    if (pid, id_) != (None, None):
        if number is None:
            return Family((), frozenset())
        if wanted == Filter():
            both = up == down
            return family_of(history, number, Reach(limit, up or both, down or both, depth))
    elif wanted == Filter():
        return latest_run(history, Reach(limit, down=False))
    return matching_families(history, wanted, Reach(limit, up or not down, down, depth))


def _shallow(family: "Family", depth: int) -> "Family":
    """Without what is more than so many levels below the top."""
    from execdb.cli.drawing.tree_text import links_of

    links = links_of(family.events)
    level, kept = list(links.roots), set[int]()
    for _ in range(depth + 1):
        kept.update(event.id for event in level)
        level = [
            child
            for event in level
            for child in links.children.get(event.id, ())
            if child.id not in kept
        ]
        if not level:
            break
    return replace(family, events=[event for event in family.events if event.id in kept])


def _show(
    events: Sequence[Event],
    family: "Family",
    format: ReportFormat,
    width: int | None,
    numeric: bool,
) -> None:
    from execdb.cli.drawing.tree_json import tree_json
    from execdb.cli.drawing.tree_text import Look, draw

    if format is ReportFormat.JSON:
        emit(tree_json(events, family.chosen))
        return
    look = Look(width, numeric, wants_colour(sys.stdout))
    with pager():
        emit(f"{line}\n" for line in draw(events, family.chosen, family.above, look))


def _nothing(path: Path, pid: int | None, number: int | None, wanted: "Filter") -> str:
    from execdb.store.reading.filter import Filter

    if replace(wanted, descendants_of=None) != Filter():
        return f"no program in {path} is like that: execdb query shows what there is"
    if pid is None and number is None:
        return f"nothing is recorded in {path} yet: execdb collect records"
    asked = f"event {number}" if pid is None else f"process {pid}"
    return f"there is no {asked} in {path}: execdb query shows what there is"


def _since_ns(events: Sequence[Event], chosen: int | None) -> int | None:
    """The time from which on gaps matter: that of the chosen event, or the begin of the run."""
    run_id = max((event.run_id for event in events if event.id > 0), default=None)
    shown = (
        event
        for event in events
        if (event.id == chosen if chosen is not None else event.id > 0 and event.run_id == run_id)
    )
    return min((event.time_ns for event in shown), default=None)
