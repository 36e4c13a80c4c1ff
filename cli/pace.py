"""Replay timing: when each event is due. Pure generators over (event, deadline)."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from execdb.store.event import Event

_NAP_S = 86_400.0  # a longer sleep is several: no clock takes any number of seconds


class Due(NamedTuple):
    """An event and its deadline, in seconds since the replay began."""

    at_s: float
    event: Event


def schedule(events: Iterable[Event], speed: float, idle_limit_s: float | None) -> Iterator[Due]:
    """Deadlines spaced as the events happened, divided by `speed` (0: all at once), pauses
    cut to `idle_limit_s` before that.

    Each is absolute: being late for one event moves no other. Within one boot the boot clock
    counts, which nobody sets; across boots the wall clock has to do. Never backwards.
    """
    at_ns = 0
    previous: Event | None = None
    for event in events:
        pause_ns = 0 if previous is None else _pause_ns(previous, event, idle_limit_s)
        if previous is None or pause_ns > 0 or previous.boot_id != event.boot_id:
            previous = event  # else the clock was set back: time goes on from where it was
        if speed:
            at_ns += pause_ns
        yield Due(at_ns / 1e9 / speed if speed else 0.0, event)


def _pause_ns(previous: Event, event: Event, idle_limit_s: float | None) -> int:
    if previous.boot_id == event.boot_id:
        pause = event.boot_ns - previous.boot_ns
    else:
        pause = event.time_ns - previous.time_ns
    if idle_limit_s is not None:
        pause = int(min(pause, idle_limit_s * 1e9))
    return max(0, pause)


def play(
    due: Iterable[Due], now_s: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[tuple[Event, float]]:
    """Each event when it is due, with how late that was, in seconds. Time begins when the first
    event is there: what it took to find it delays none of the others."""
    start_s: float | None = None
    for at_s, event in due:
        if start_s is None:
            start_s = now_s() - at_s
        while (wait_s := start_s + at_s - now_s()) > 0:
            sleep(min(wait_s, _NAP_S))
        yield event, max(0.0, now_s() - start_s - at_s)
