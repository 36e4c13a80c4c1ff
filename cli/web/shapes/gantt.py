"""Programs as bars over time, one below the other. Pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from execdb.cli.output.escape import escape
from execdb.store.event import Event

WIDTH = 1_000  # units of the drawing
_LEAST = 3.0


class Bar(NamedTuple):
    """`how` is ok, bad, open (no end is known) or refused (an attempt that failed)."""

    x: float
    width: float
    how: str
    label: str
    title: str
    address: str
    chosen: bool


def lay_out(
    events: Sequence[Event], chosen: int, title: Callable[[Event], str], to: Callable[[Event], str]
) -> list[Bar]:
    """`title` describes an event and `to` is its address."""
    begin = min(event.boot_ns for event in events)
    end = max(event.boot_ns + max(event.duration_ns or 0, 0) for event in events)
    span = max(1, end - begin)
    bars = []
    for event in events:
        x = min(round((event.boot_ns - begin) / span * WIDTH, 2), WIDTH - _LEAST)
        bars.append(
            Bar(
                x, _width(event, span, x), _how(event), label_of(event),
                title(event), to(event), event.id == chosen,
            )
        )  # fmt: skip
    return bars


def label_of(event: Event) -> str:
    """The name and pid of a program, escaped."""
    return f"{escape(event.comm)} {event.pid}"


def _width(event: Event, span: int, x: float) -> float:
    if event.duration_ns is None:
        return _LEAST if event.errno is not None else max(_LEAST, round(WIDTH - x, 2))
    return round(max(_LEAST, min(max(event.duration_ns, 0) / span * WIDTH, WIDTH - x)), 2)


def _how(event: Event) -> str:
    if event.errno is not None:
        return "refused"
    if event.ended is None:
        return "open"
    return "bad" if event.ended == "signal" or event.exit_code else "ok"
