"""The page about one event: what led to it, what it started, what ran beside it, all its keys."""

import re
from dataclasses import replace
from typing import Any, NamedTuple

from execdb.cli.output.escape import escape, quote
from execdb.cli.show.durations import duration
from execdb.cli.show.event_table import cells_of
from execdb.cli.show.lines import command_line
from execdb.cli.table.layout import Cell
from execdb.cli.table.look import Look
from execdb.cli.web.rows import address_of, command_for, identity
from execdb.cli.web.shapes import gantt
from execdb.cli.web.site import Site
from execdb.cli.web.view import View, term_of
from execdb.store.asking.browsed import Browsed
from execdb.store.browsing.pages import Identity
from execdb.store.errors import ExecdbError, UsageError
from execdb.store.event import Event
from execdb.store.fields import FIELDS, Field
from execdb.store.kinds import Kind
from execdb.store.reading.filter import Filter
from execdb.store.times import local_time

CHILDREN = 50
_STEPS_FIRST, _STEPS_LAST = 6, 24  # of a long ancestry
_CHARS_MAX = 200
_VALUES_MAX = 2_000  # arguments that are shown


class Step(NamedTuple):
    """An ancestor or a child, in short."""

    address: str
    more: str  # of its own children
    label: str
    title: str
    end: str
    time: str
    seen: bool  # not recorded, but running when a collector started


class Key(NamedTuple):
    """A key of the event, as a line of its page."""

    name: str
    meaning: str
    value: str
    only: str  # address of the list of events with this value


class NotThere(ExecdbError):
    """No event has this identity."""


def event_of(browsed: Browsed, rest: dict[str, str]) -> Event:
    """The event that an address names. Raises UsageError, NotThere."""
    try:
        boot_id, boot_ns, pid = rest["boot_id"], int(rest["boot_ns"]), int(rest["pid"])
    except (KeyError, ValueError):
        raise UsageError("the address of an event has boot_id, boot_ns and pid") from None
    if max(abs(boot_ns), abs(pid)) >= 1 << 62:
        raise UsageError("the address of an event has boot_id, boot_ns and pid")
    row = re.fullmatch(r"(\d{1,19})_(-?\d{1,18})", rest.get("row", ""), re.ASCII)
    place = (int(row[1]), int(row[2])) if row and int(row[1]) < 1 << 63 else None
    found = browsed.find(Identity(boot_id, boot_ns, pid, rest.get("host"), place))
    if found is None:
        raise NotThere(
            "there is no such event here: it may have been pruned, or the address is of another "
            "history"
        )
    return found


def detail(site: Site, view: View, rest: dict[str, str]) -> dict[str, Any]:
    """What the template shows."""
    browsed = site.now()
    recorded = event_of(browsed, rest)
    event = site.shown(view, [recorded])[0]
    chain = site.shown(view, browsed.chain(recorded))
    siblings = browsed.siblings(recorded)
    ours = site.shown(view, siblings.events)
    steps = [_step(each, view) for each in chain[:-1]]
    left_out = max(0, len(steps) - _STEPS_FIRST - _STEPS_LAST)
    whose = event.host if browsed.has_hosts(Filter()) else None
    ours_only = view.always() if whose is None else view.always().of_host(whose)
    return {
        "event": event,
        "title": escape(event.comm),
        "line": escape_line(event),
        "parent_known": len(chain) > 1,
        "steps": steps[:_STEPS_FIRST] + steps[_STEPS_FIRST + left_out :],
        "left_out": left_out,
        "left_out_at": _STEPS_FIRST,
        "children": children(site, browsed, view, recorded),
        "siblings": gantt.lay_out(
            ours, event.id, lambda each: _title(each), lambda each: address_of(each, view)
        ),
        "more_siblings": siblings.more,
        "keys": [_key(field, event, view) for field in FIELDS],
        "argv": [quote(argument) for argument in event.argv[:_VALUES_MAX]],
        "ended": _ended(event),
        "redact_address": address_of(recorded, replace(view, redact=not view.redact)),
        "commands": _commands(site, recorded, whose),
        "descendants": ours_only.with_word(f"--descendants-of={event.id}").address("/"),
        "around": view.within(event.time_ns - 10**10, event.time_ns + 10**10 + 1).address("/"),
    }


def children(
    site: Site, browsed: Browsed, view: View, event: Event, after: int | None = None
) -> dict[str, Any]:
    """What an event started, a page of it, and the address of the next one."""
    found = browsed.children(event, CHILDREN + 1, after=after)
    some = site.shown(view, found[:CHILDREN])
    more = len(found) > CHILDREN
    last = max((each.id for each in some), default=0)
    return {
        "steps": [_step(each, view) for each in some],
        "next": address_of(event, view, "/children", behind=last) if more else None,
    }


def children_of(site: Site, view: View, rest: dict[str, str]) -> dict[str, Any]:
    """The same for an address. Raises UsageError, NotThere."""
    behind = rest.get("behind")
    if behind is not None and not behind.removeprefix("-").isdecimal():
        raise UsageError("behind is the id of an event")
    browsed = site.now()
    event = event_of(browsed, rest)
    after = None if behind is None else int(behind[:19])
    return {"children": children(site, browsed, view, event, after)}


_cell = cells_of(("end", "took"), Look())


def _texts(event: Event) -> list[str]:
    cells = [write(event) for write in _cell]
    return [cell.text if isinstance(cell, Cell) else cell for cell in cells]


def _step(event: Event, view: View) -> Step:
    end, took = _texts(event)
    return Step(
        address_of(event, view),
        address_of(event, view, "/children"),
        f"{escape(event.comm)} {event.pid}",
        command_line(event)[:_CHARS_MAX],
        f"{end} {took}".strip(),
        local_time(event.time_ns),
        event.id < 0,
    )


def _title(event: Event) -> str:
    end, took = _texts(event)
    outcome = f", end {end} after {took}" if took else ", no end known"
    return f"{local_time(event.time_ns)}{outcome}: {command_line(event)[:_CHARS_MAX]}"


def escape_line(event: Event) -> str:
    """The command line, or the name of the program where no arguments are known."""
    return command_line(event) or escape(event.comm)


def _ended(event: Event) -> str:
    """A sentence about the end."""
    if event.errno is not None:
        return f"The kernel refused this exec: {escape(event.errno)}."
    if event.ended is None:
        return "No end was recorded: it runs, or its end was missed."
    lasted = "" if event.duration_ns is None else f" after {duration(event.duration_ns)}"
    end = _texts(event)[0]
    how = {"exec": "Another exec of its process took its place", "signal": f"Ended by {end}"}
    return f"{how.get(event.ended, f'Exit code {end}')}{lasted}."


def _key(field: Field, event: Event, view: View) -> Key:
    value = getattr(event, field.name)
    term = f"time={event.time}" if field.name == "time" else term_of(field.name, _plain(value))
    text = "" if value is None else " ".join(map(quote, value)) if field.kind is Kind.TEXTS else ""
    if value is not None and field.kind is not Kind.TEXTS:
        text = escape(value) if isinstance(value, str) else str(value)
    only = "" if field.kind is Kind.TEXTS else view.always().with_word(term).address("/")
    return Key(field.name, field.meaning.replace("`", ""), text, only)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def _commands(site: Site, event: Event, whose: str | None) -> list[str]:
    """`whose` is its host, if an id must be told with it."""
    words = [term_of(name, value) for name, value in identity(event).items()]
    host = [] if whose is None else [term_of("host", whose)]
    return [
        command_for(["--id", str(event.id), *host], site.given, "tree"),
        command_for([*host, *words], site.given),
    ]
