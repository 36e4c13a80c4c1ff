"""Draws who started what, one line for each program, none wider than the terminal."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from execdb.cli.output.escape import escape
from execdb.cli.show.durations import compact
from execdb.cli.show.event_table import command_of, signal_name, user_of, whole_command
from execdb.cli.table.layout import RED, cut, width_of
from execdb.store.event import Event
from execdb.store.times import local_time

CIRCLE = " (the file says that it is its own ancestor)"
MARK, MORE_ABOVE = " <--", " ^ more above"
DEPTH = 64  # levels that a line shows at most
_BOLD, _OFF = "\x1b[1m", "\x1b[0m"
_SLOW_SHARE, _SLOW_NS = 0.2, 100_000_000  # of the time of its parent; at least so long
_UNKNOWN_NS = 60 * 10**9  # taken for the time of a parent that runs
_COMMAND_LEAST = 9  # cells
_STEM_LEAST = 6


class Look(NamedTuple):
    """`width` in cells; None: nothing is cut."""

    width: int | None = None
    numeric: bool = False
    colour: bool = False

    @property
    def levels(self) -> int:
        """How many levels the lines on the left show: they leave half of the width."""
        return DEPTH if self.width is None else max(4, min(DEPTH, self.width // 6))


_WHOLE = Look()


class Links(NamedTuple):
    """Events, the roots among them, and the children of each. Those in a circle, which no root
    leads to, are roots as well, the first one met of each circle."""

    events: Mapping[int, Event]
    roots: Sequence[Event]
    children: Mapping[int, Sequence[Event]]


def links_of(events: Iterable[Event]) -> Links:
    """Of events in order."""
    there = {event.id: event for event in events}
    children: dict[int, list[Event]] = defaultdict(list)
    roots = []
    for event in there.values():
        if event.parent_id in there:
            children[event.parent_id].append(event)
        else:
            roots.append(event)
    return Links(there, [*roots, *_in_circles(there, roots, children)], children)


def _in_circles(
    there: Mapping[int, Event], roots: Iterable[Event], children: Mapping[int, Sequence[Event]]
) -> Iterator[Event]:
    """Only a forged file has any."""
    met: set[int] = set()

    def meet(event: Event) -> None:
        waiting = [event]
        met.add(event.id)
        while waiting:
            below = [e for e in children.get(waiting.pop().id, ()) if e.id not in met]
            met.update(child.id for child in below)
            waiting += below

    for root in roots:
        meet(root)
    for event in there.values():
        if event.id not in met:
            meet(event)
            yield event


def draw(
    events: Iterable[Event],
    chosen: Collection[int] = (),
    above: Collection[int] = (),
    look: Look = _WHOLE,
) -> Iterator[str]:
    """Each root with everything it started below it; `chosen` are marked, and those of `above` are
    said to have ancestors that are not shown. Chains can be deep where scripts exec each other, so
    nothing here recurses."""
    links = links_of(events)
    drawn: set[int] = set()
    for root in links.roots:
        in_circle = CIRCLE if root.parent_id in links.events else ""
        for line in _below(root, links, drawn, chosen, above, look):
            yield line + in_circle
            in_circle = ""


def _below(
    root: Event,
    links: Links,
    drawn: set[int],
    chosen: Collection[int],
    above: Collection[int],
    look: Look,
) -> Iterator[str]:
    # Still to be drawn: an event, the lines to its left, its parent.
    waiting: list[tuple[Event, str, str, Event | None]] = [(root, "", "", None)]
    drawn.add(root.id)
    while waiting:
        event, stem, branch, parent = waiting.pop()
        marks = (" ^ more above" if event.id in above else "") + (
            MARK if event.id in chosen else ""
        )
        yield _line(stem + branch, event, parent, marks, look)
        below = [child for child in links.children.get(event.id, ()) if child.id not in drawn]
        drawn.update(child.id for child in below)
        stem = _deeper(stem, branch, look.levels)
        for position, child in enumerate(reversed(below)):
            waiting.append((child, stem, "├─ " if position else "└─ ", event))


def _deeper(stem: str, branch: str, levels: int) -> str:
    """The lines to the left of an event's children. They show a bounded number of levels: otherwise
    the last program of a chain of 100,000 would have 300,000 characters before it."""
    stem += {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
    if len(stem) <= 3 * levels:
        return stem
    return "…  " + stem[-3 * (levels - 1) :]


def _line(stem: str, event: Event, parent: Event | None, marks: str, look: Look) -> str:
    """Pid, user, time, how it ended and how long it ran, the command, the id. The command is cut to
    what the rest leaves."""
    user = str(event.uid) if look.numeric else user_of(event)
    when = local_time(event.time_ns)[:19]
    if parent is not None and local_time(parent.time_ns)[:10] == when[:10]:
        when = when[11:]
    outcome, colour = outcome_of(event), RED if _failed(event) else ""
    if not colour and _slow(event, parent):
        colour = _BOLD
    before, after = f"{event.pid} {user} {when} ", f" [id {event.id}]{marks}"
    command = (command_of if look.width else whole_command)(event) or escape(event.comm)
    if look.width is not None:
        room = look.width - width_of(outcome) - len(": ") - len(after)
        stem, before = _fitted(stem, str(event.pid), user, when, room - _COMMAND_LEAST)
        command = cut(command, max(1, room - width_of(stem + before)))
    shown = f"{colour}{outcome}{_OFF}" if colour and look.colour else outcome
    return f"{stem}{before}{shown}: {command}{after}"


def _fitted(stem: str, pid: str, user: str, when: str, room: int) -> tuple[str, str]:
    """The lines on the left, and what stands before the outcome, in so many cells: without the
    year, the time or the user, then with fewer lines, where there is no room for all."""
    *date, clock = when.split()
    parts = [[user, when], [user, *(day[5:] for day in date), clock], [user], []]
    for some in parts:
        before = f"{' '.join([pid, *some])} "
        if width_of(stem + before) <= room:
            break
    while len(stem) > _STEM_LEAST and width_of(stem + before) > room:
        stem = f"…  {stem[-(len(stem) // 3 - 2) * 3 :]}"
    return stem, before


def _failed(event: Event) -> bool:
    ill = event.ended == "signal" or (event.ended == "exit" and event.exit_code != 0)
    return ill or event.errno is not None


def _slow(event: Event, parent: Event | None) -> bool:
    """Whether a good part of its parent's time went into it."""
    if event.duration_ns is None or event.duration_ns < _SLOW_NS or parent is None:
        return False
    return event.duration_ns >= _SLOW_SHARE * (parent.duration_ns or _UNKNOWN_NS)


def outcome_of(event: Event) -> str:
    """`12ms`, `exit 1, 12ms`, `SIGKILL, 3.2s`, `ENOENT`, `exec, 1ms`, `no end`."""
    seen = "seen, " if event.id < 0 else ""
    if event.errno is not None:
        return seen + escape(event.errno)
    if event.ended is None:
        return f"{seen}no end"
    took = compact(event.duration_ns or 0)
    if event.ended == "exit" and event.exit_code == 0:
        return seen + took
    if event.ended == "exit":
        return f"{seen}exit {event.exit_code}, {took}"
    return f"{seen}{signal_name(event.signal or 0) if event.ended == 'signal' else 'exec'}, {took}"
