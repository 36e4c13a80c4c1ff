"""execdb tree: who started what."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from execdb.cli.input.filter_options import FilterOptions, filter_of, with_filter_options
from execdb.cli.input.formats import ReportFormat
from execdb.cli.input.numbers import event_count, event_id, process_id
from execdb.cli.input.options import Redact, Strict, Wide
from execdb.cli.input.redaction import redactor
from execdb.cli.output.colour import wants_colour
from execdb.cli.output.escape import escape
from execdb.cli.output.pager import pager
from execdb.cli.output.stdout import emit
from execdb.cli.output.streams import encode_for, say
from execdb.cli.show.gap_notes import gaps_of
from execdb.cli.show.notes import lacking
from execdb.store.errors import ExecdbError, UsageError
from execdb.store.event import Event

if TYPE_CHECKING:
    from execdb.cli.drawing.tree_parts import Part
    from execdb.store.asking.store import Store
    from execdb.store.overview.family import Family
    from execdb.store.reading.filter import Filter

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
    from execdb.cli.drawing.tree_parts import parts_of
    from execdb.store.asking.opening import open_store
    from execdb.store.reading.filter import Filter

    pid, chosen = _pid_in(chosen)
    if pid is not None and id_ is not None:
        raise UsageError("give a PID or --id, not both")
    wanted = filter_of(chosen)
    encode_for(format)
    with open_store(context.obj) as store:
        number = store.latest_of(pid, wanted) if pid is not None else id_
        key = None if number is None else store.key_named(number, wanted)
        one = pid is not None or id_ is not None
        terms = store.without_hosts(wanted) if one else wanted
        if one and terms != Filter():
            if wanted.descendants_of is not None:
                raise UsageError("give a PID or --id, or --descendants-of, not both")
            wanted = terms = replace(wanted, descendants_of=number)
        family = _family(store, terms, (one, key), (up, down, depth, limit))
        if not family.events:
            raise ExecdbError(_nothing(str(store), pid, id_, wanted))
        since_ns = _since_ns(store, family.events, key) if terms == Filter() else None
        oldest_ns = since_ns or store.began_ns(wanted)
        lacks = wanted if number is None else replace(wanted, descendants_of=number)
        gaps = gaps_of(store.coverage(lacks), wanted, oldest_ns)
        parts = parts_of(store, family, hosts=store.has_hosts(lacks))
        if depth is not None and key is None:
            parts = [part.shallow(depth) for part in parts]
        if redact:
            hide = redactor(context)
            parts = [replace(part, events=list(hide(part.events))) for part in parts]
        _show(parts, format, None if wide else shutil.get_terminal_size().columns, numeric)
        if family.cut:
            shown = sum(len(part.events) for part in parts)
            say(f"{shown} programs, not all: --limit 0 shows all, terms and --depth choose")
        lacking.tell(store, wanted, gaps, oldest_ns, strict=strict)


def _pid_in(chosen: FilterOptions) -> tuple[int | None, FilterOptions]:
    """The process id among the arguments, and the rest."""
    terms = chosen.terms or []
    pids = [text for text in terms if text.strip("+-").isdecimal()]
    if len(pids) > 1:
        raise UsageError(f"one PID, not {len(pids)}: give pid={','.join(pids)} for several")
    rest = [text for text in terms if text not in pids]
    return process_id(pids[0]) if pids else None, replace(chosen, terms=rest)


def _family(
    store: "Store",
    wanted: "Filter",
    asked: tuple[bool, Any],
    how: tuple[bool, bool, int | None, int],
) -> "Family":
    """`asked`: whether one program is asked for, and its key."""
    from execdb.store.overview.family import (
        Family,
        Reach,
        family_of,
        latest_run,
        matching_families,
    )
    from execdb.store.reading.filter import Filter

    one, key = asked
    up, down, depth, limit = how
    if one:
        if key is None:
            return Family((), frozenset())
        if wanted == Filter():
            both = up == down
            return family_of(store, key, Reach(limit, up or both, down or both, depth))
    elif wanted == Filter():
        return latest_run(store, Reach(limit, down=False))
    return matching_families(store, wanted, Reach(limit, up or not down, down, depth))


def _show(parts: "Sequence[Part]", format: ReportFormat, width: int | None, numeric: bool) -> None:
    from execdb.cli.drawing.tree_json import tree_json
    from execdb.cli.drawing.tree_text import Look, draw

    if format is ReportFormat.JSON:
        emit(tree_json(parts))
        return
    look = Look(width, numeric, wants_colour(sys.stdout))
    with pager():
        for part in parts:
            if part.host is not None:
                emit([f"host {escape(part.host)}\n"])
            emit(f"{line}\n" for line in draw(part.events, part.chosen, part.above, look))


def _nothing(place: str, pid: int | None, number: int | None, wanted: "Filter") -> str:
    from execdb.store.reading.filter import Filter

    if replace(wanted, descendants_of=None) != Filter():
        return f"no program in {place} is like that: execdb query shows what there is"
    if pid is None and number is None:
        return f"nothing is recorded in {place} yet: execdb collect records"
    asked = f"event {number}" if pid is None else f"process {pid}"
    return f"there is no {asked} in {place}: execdb query shows what there is"


def _since_ns(store: "Store", events: Sequence[Event], key: Any) -> int | None:
    """The time from which on gaps matter: that of the chosen event, or the begin of the run."""
    run_id = store.latest_run()
    shown = (
        event
        for event in events
        if (
            store.key_of(event) == key
            if key is not None
            else event.id > 0 and event.run_id == run_id
        )
    )
    return min((event.time_ns for event in shown), default=None)
