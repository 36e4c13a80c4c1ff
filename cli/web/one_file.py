"""An incident in one file: the page with the chosen events inside. It asks no server for anything,
runs no script, and forbids both."""

import base64
import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from markupsafe import Markup

from execdb.cli.output.escape import escape, quote
from execdb.cli.show.gap_notes import execs_of, gaps_in
from execdb.cli.show.notes import trim_notes
from execdb.cli.web.overview import span_of
from execdb.cli.web.rows import Row, Rows
from execdb.cli.web.shapes import flags, gantt, timeline
from execdb.cli.web.shapes.choices import choices
from execdb.cli.web.templates import environment, files_in
from execdb.cli.web.view import View
from execdb.store.asking.browsed import Browsed
from execdb.store.errors import UsageError
from execdb.store.event import Event
from execdb.store.fields import FIELDS
from execdb.store.ledger.coverage import Coverage
from execdb.store.reading.filter import Filter
from execdb.store.times import local_time, zone_name

EVENTS_MAX = 50_000
_WITH_DETAILS_MAX = 2_000  # events
_ANCESTORS_MAX = 30  # that are shown, the nearest ones


class Details(NamedTuple):
    """What led to an event, what it started, as far as that is in the file, and all its keys."""

    ancestors: Sequence[tuple[int, str]]  # row and label, the first one first
    children: Sequence[gantt.Bar]
    keys: Sequence[tuple[str, str]]


class Line(NamedTuple):
    """A row, the place in it to which a bar of the time line leads, the row of its parent, if that
    is in the file, and the details if there is room for them."""

    row: Row
    place: str
    parent: int | None
    details: Details | None


DetailsOf = Callable[[Event], Details | None]


def one_file(
    browsed: Browsed,
    events: Iterable[Event],
    wanted: Filter,
    known: Coverage,
    *,
    redacted: bool,
) -> Iterator[str]:
    """The file, in pieces. `events` are those that the filter chooses, `redacted` or not. Raises
    UsageError for more than EVENTS_MAX events, DatabaseError, CentralError."""
    number = browsed.count(wanted)
    if number > EVENTS_MAX:
        raise UsageError(
            f"{number} events are too many for a page, which takes {EVENTS_MAX}: choose fewer by "
            "terms, --since and --until"
        )
    span = span_of(browsed.extent(wanted), wanted, [known])
    drawn, edges = _over_time(browsed, wanted, known, span) if span else ({"timeline": None}, [0])
    details_of: DetailsOf = _no_details
    if number <= _WITH_DETAILS_MAX:
        events = list(events)
        details_of = _Family(events).details_of
    lines = _lines(events, edges, Rows(browsed.default_message(wanted)), details_of)
    style = files_in("static")["page.css"]
    yield from (
        environment()
        .get_template("export.html")
        .generate(
            **drawn,
            title=_title(browsed.hosts(wanted), number, span),
            style=Markup(style),
            style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
            redacted=redacted,
            zone=zone_name(),
            lines=lines,
        )
    )


def _no_details(_: Event) -> None:
    return None


def _title(hosts: Iterable[str], number: int, span: tuple[int, int] | None) -> str:
    named = escape(", ".join(sorted(hosts)[:3]))
    when = f" from {local_time(span[0])} to {local_time(span[1])}" if span else ""
    return f"{execs_of(number)} of {named or 'nothing recorded'}{when}"


def _over_time(
    browsed: Browsed, wanted: Filter, known: Coverage, span: tuple[int, int]
) -> tuple[dict[str, Any], list[int]]:
    """What the template shows above the list, and the edges of its intervals."""
    edges = timeline.edges_of(*span)
    inside = replace(wanted, since_ns=span[0], until_ns=span[1])
    counted, values = browsed.survey(inside, edges, all_rows=True)
    filtered = browsed.filtered(wanted, *span)
    places = {edge: f"#t{place}" for place, edge in enumerate(edges)}
    drawn = timeline.lay_out(
        counted, gaps_in(known, inside), filtered, lambda since_ns, _: places[since_ns]
    )
    trims = trim_notes.sentences(trim_notes.within(known.trims, *span))
    here = browsed.hosts(wanted) <= {Rows.this_host()}
    return {
        "timeline": drawn,
        "counted": counted,
        "notes": [escape(each) for each in trims],
        "flags": flags.lay_out(browsed.happenings(wanted, *span), *span),
        "choices": choices(values, View(), exact=True, here=here),
    }, edges


def _lines(
    events: Iterable[Event], edges: Sequence[int], rows: Rows, details_of: DetailsOf
) -> Iterator[Line]:
    there: set[int] = set()
    placed: set[int] = set()
    for event in events:
        place = bisect_right(edges, event.time_ns) - 1
        mark = "" if place in placed else f"t{place}"
        placed.add(place)
        there.add(event.id)
        parent = event.parent_id if event.parent_id in there else None
        (row,) = rows.of([event], View())
        yield Line(row, mark, parent, details_of(event))


class _Family:
    """Who started whom among these events."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = {event.id: event for event in events}
        self._children: dict[int, list[Event]] = {}
        for event in events:
            if event.parent_id in self._events:
                self._children.setdefault(event.parent_id, []).append(event)

    def details_of(self, event: Event) -> Details:
        children = self._children.get(event.id, ())
        bars = gantt.lay_out(children, 0, lambda _: "", _place_of) if children else ()
        return Details(self._ancestors(event), bars, _keys(event))

    def _ancestors(self, event: Event) -> list[tuple[int, str]]:
        """A file from elsewhere may name them in a circle."""
        found: list[tuple[int, str]] = []
        above = self._events.get(event.parent_id or 0)
        while above is not None and len(found) < _ANCESTORS_MAX:
            found.append((above.id, gantt.label_of(above)))
            above = self._events.get(above.parent_id or 0)
        return found[::-1]


def _place_of(event: Event) -> str:
    return f"#e{event.id}"


def _keys(event: Event) -> list[tuple[str, str]]:
    found = []
    for field in FIELDS:
        value = getattr(event, field.name)
        if isinstance(value, tuple):
            found.append((field.name, " ".join(map(quote, value))))
        elif value is not None:
            found.append((field.name, escape(value) if isinstance(value, str) else str(value)))
    return found
