"""The timing of a replay: when each event is due. Generators without side effects; `play` is given
its clock."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from execdb.cli.show.tempo import Key, Tempo
from execdb.store.event import Event

_NAP_S = 86_400.0  # a longer sleep is divided: no clock accepts any number of seconds


class Due(NamedTuple):
    """An event and its deadline, in seconds since the replay began."""

    at_s: float
    event: Event


class Aside(NamedTuple):
    """A line to print between events: when, and the moment in the history that it is about."""

    at_s: float
    time_ns: int
    text: str


def schedule(events: Iterable[Event], speed: float, idle_limit_s: float | None) -> Iterator[Due]:
    """Deadlines that are spaced as the events happened, divided by `speed` (0: all at once). Pauses
    are first cut to `idle_limit_s`.

    Deadlines are absolute: if one event is late, the others are not. Within a boot the boot clock
    is used, which cannot be set; between boots, the wall clock. Deadlines never decrease.
    """
    at_ns = 0
    previous: Event | None = None
    for event in events:
        pause_ns = 0 if previous is None else _pause_ns(previous, event, idle_limit_s)
        if previous is None or pause_ns > 0 or previous.boot_id != event.boot_id:
            previous = event  # otherwise the clock was set back, and time continues where it was
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


def with_asides(due: Iterable[Due], texts: Sequence[tuple[int, str]]) -> Iterator[Due | Aside]:
    """Inserts texts, which are given in order with their times in ns. Each is placed between the
    two events around its time, in proportion to its distance from them."""
    waiting = deque(texts)
    last: Due | None = None
    for item in due:
        while waiting and waiting[0][0] <= item.event.time_ns:
            time_ns, text = waiting.popleft()
            yield Aside(_between(last, item, time_ns), time_ns, text)
        yield item
        last = item
    for time_ns, text in waiting:
        yield Aside(0.0 if last is None else last.at_s, time_ns, text)


def _between(before: Due | None, after: Due, time_ns: int) -> float:
    if before is None or before.event.time_ns >= after.event.time_ns:
        return after.at_s
    passed = max(0, time_ns - before.event.time_ns)
    share = passed / (after.event.time_ns - before.event.time_ns)
    return before.at_s + share * (after.at_s - before.at_s)


def play(
    due: Iterable[Due | Aside],
    now_s: Callable[[], float],
    wait: Callable[[float], Key | None],
    say: Callable[[str], None] = print,
    speed: float = 1.0,
) -> Iterator[tuple[Event, float]]:
    """Yields each event when it is due, and how late that was, in seconds. The clock starts when
    the first event has been read: the time that this took does not delay the others. `wait` waits
    at most so many seconds, and may return a key. `say` is called with the text of each Aside, and
    with what a key has changed. `speed` is that of the schedule."""
    tempo: Tempo | None = None
    for item in due:
        if tempo is None:
            tempo = Tempo(now_s() - item.at_s, speed)
        late_s = _reach(tempo, item, now_s, wait, say)
        if isinstance(item, Aside):
            say(item.text)
        else:
            tempo.stepping = False
            yield item.event, late_s


def _reach(
    tempo: Tempo,
    item: Due | Aside,
    now_s: Callable[[], float],
    wait: Callable[[float], Key | None],
    say: Callable[[str], None],
) -> float:
    """Waits until the item is due, or wanted at once; returns how late that is."""
    while True:
        left_s = tempo.wait_s(item.at_s, now_s())
        if left_s is not None and left_s <= 0:
            return -left_s
        key = wait(_NAP_S if left_s is None else min(left_s, _NAP_S))
        if key is not None:
            tempo.press(key, now_s())
            if key not in (Key.CONTINUED, Key.STEP):
                say("paused" if tempo.paused else f"speed x {tempo.speed:g}")
