"""execdb tree: who started what."""

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import typer

from execdb.cli.input.formats import ReportFormat
from execdb.cli.input.numbers import process_id
from execdb.cli.input.options.classes import with_option_classes
from execdb.cli.input.options.filter import FilterOptions, filter_of
from execdb.cli.input.options.tree import TreeOptions
from execdb.cli.input.redaction import redactor
from execdb.cli.output.colour import wants_colour
from execdb.cli.output.counted import counted
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
    from execdb.store.overview.family import Family, Key
    from execdb.store.reading.filter import Filter

EXAMPLES = """
execdb tree 4711                         # the latest program of this process
execdb tree --id 42 --up                 # an event, and what started it
execdb tree --failed --since 1h          # what failed, with its ancestors
execdb tree --depth 2                    # the latest run
"""


@with_option_classes
def tree(context: typer.Context, chosen: FilterOptions, given: TreeOptions) -> None:
    """Show what started a program, and what it started.

    A single number is a process id: the latest program that it ran, with ancestors and
    descendants (--up or --down: only these). Terms and options choose programs, which are shown
    with their ancestors, and with --down what they started. Without any, all that the latest run
    recorded. `<--` marks what was asked for. Of each program: pid, user, start, how it ended and
    how long it took; red is what failed, bold what took much of its parent's time.
    """
    from execdb.store.asking.opening import open_store
    from execdb.store.reading.filter import Filter

    pid, chosen = _pid_in(chosen)
    if pid is not None and given.id_ is not None:
        raise UsageError("give a PID or --id, not both")
    wanted = filter_of(chosen)
    encode_for(given.format)
    with open_store(context.obj) as store:
        asked = _asked(store, pid, given.id_, wanted)
        family = _family(store, asked, given)
        if not family.events:
            raise ExecdbError(_nothing(str(store), pid, given.id_, asked.wanted))
        since_ns = _since_ns(store, family.events, asked) if asked.terms == Filter() else None
        oldest_ns = since_ns or store.began_ns(asked.wanted)
        gaps = gaps_of(store.coverage(asked.place), asked.wanted, oldest_ns)
        parts = _parts(store, family, asked, given.depth)
        _show(parts, redactor(context) if given.redact else iter, given)
        if family.cut:
            shown = counted(sum(len(part.events) for part in parts), "program")
            say(f"{shown}, not all: --limit 0 shows all, terms and --depth choose")
        lacking.tell(store, asked.wanted, gaps, oldest_ns, strict=given.strict)


def _pid_in(chosen: FilterOptions) -> tuple[int | None, FilterOptions]:
    """The process id among the arguments, and the rest."""
    terms = chosen.terms or []
    pids = [text for text in terms if text.strip("+-").isdecimal()]
    if len(pids) > 1:
        raise UsageError(f"one PID, not {len(pids)}: give pid={','.join(pids)} for several")
    rest = [text for text in terms if text not in pids]
    return process_id(pids[0]) if pids else None, replace(chosen, terms=rest)


@dataclass(frozen=True)
class _Asked:
    """What is asked for: the program `number` (None: there is none), with its key, if `one` is;
    else those that fulfil `terms`. `wanted` is all of it as a filter; the host of `place` is that
    of the program."""

    one: bool
    number: int | None
    key: "Key | None"
    wanted: "Filter"
    terms: "Filter"

    @property
    def place(self) -> "Filter":
        number = self.number
        return self.wanted if number is None else replace(self.wanted, descendants_of=(number,))


def _asked(store: "Store", pid: int | None, id_: int | None, wanted: "Filter") -> _Asked:
    """Raises UsageError, DatabaseError, CentralError."""
    from execdb.store.reading.filter import Filter

    if pid is None and id_ is None:
        return _Asked(False, None, None, wanted, wanted)
    number = id_ if pid is None else store.latest_of(pid, wanted)
    key = None if number is None else store.key_named(number, wanted)
    terms = store.without_hosts(wanted)
    if terms != Filter():  # of the programs below it
        if wanted.descendants_of:
            raise UsageError("give a PID or --id, or --descendants-of, not both")
        wanted = terms = replace(wanted, descendants_of=() if number is None else (number,))
    return _Asked(True, number, key, wanted, terms)


def _family(store: "Store", asked: _Asked, given: TreeOptions) -> "Family":
    from execdb.store.overview.family import (
        Family,
        Reach,
        family_of,
        latest_run,
        matching_families,
    )
    from execdb.store.reading.filter import Filter

    up, down, depth, limit = given.up, given.down, given.depth, given.limit
    if asked.one:
        if asked.key is None:
            return Family((), frozenset())
        if asked.terms == Filter():
            both = up == down
            return family_of(store, asked.key, Reach(limit, up or both, down or both, depth))
    elif asked.terms == Filter():
        return latest_run(store, Reach(limit, down=False))
    return matching_families(store, asked.terms, Reach(limit, up or not down, down, depth))


def _parts(store: "Store", family: "Family", asked: _Asked, depth: int | None) -> "list[Part]":
    from execdb.cli.drawing.tree_parts import parts_of

    parts = parts_of(store, family, hosts=store.has_hosts(asked.place))
    if depth is not None and asked.key is None:
        return [part.shallow(depth) for part in parts]
    return parts


def _show(
    parts: "Sequence[Part]", hide: Callable[[Iterable[Event]], Iterator[Event]], given: TreeOptions
) -> None:
    from execdb.cli.drawing.tree_json import tree_json
    from execdb.cli.drawing.tree_text import Look, draw

    parts = [replace(part, events=list(hide(part.events))) for part in parts]
    if given.format is ReportFormat.JSON:
        emit(tree_json(parts))
        return
    width = None if given.wide else shutil.get_terminal_size().columns
    look = Look(width, given.numeric, wants_colour(sys.stdout))
    with pager():
        for part in parts:
            if part.host is not None:
                emit([f"host {escape(part.host)}\n"])
            emit(f"{line}\n" for line in draw(part.events, part.chosen, part.above, look))


def _nothing(place: str, pid: int | None, number: int | None, wanted: "Filter") -> str:
    from execdb.store.reading.filter import Filter

    if replace(wanted, descendants_of=()) != Filter():
        return f"no program in {place} is like that: execdb query shows what there is"
    if pid is None and number is None:
        return f"nothing is recorded in {place} yet: execdb collect records"
    asked = f"event {number}" if pid is None else f"process {pid}"
    return f"there is no {asked} in {place}: execdb query shows what there is"


def _since_ns(store: "Store", events: Sequence[Event], asked: _Asked) -> int | None:
    """The time from which on gaps matter: that of the program, or the begin of the run."""
    run_id, key = store.latest_run(), asked.key
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
