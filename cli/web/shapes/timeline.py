"""The time line as shapes: bars, hatched stretches, flags. Pure."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from execdb.cli.output.escape import escape
from execdb.cli.show.gap_notes import execs_of, note, were
from execdb.cli.web.shapes.flags import CHARS_MAX, WIDTH
from execdb.store.browsing.happenings import Filtered
from execdb.store.browsing.survey import Interval, Survey
from execdb.store.ledger.coverage import Period
from execdb.store.times import local_time

HEIGHT = 120  # units of the drawing
INTERVALS_MAX = 120
_LEAST = 2.0  # height of what is not nothing
_SECOND_NS = 10**9
_ROUND_S = (
    *(factor * 10.0**power for power in range(-6, 0) for factor in (1, 2, 5)),
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
)  # fmt: skip
_DAY_NS = 86_400 * _SECOND_NS
_TICKS = 5


class Bar(NamedTuple):
    """Of an interval: where it is, how high in all and for those that failed."""

    x: float
    width: float
    height: float
    failed: float
    address: str
    title: str

    @property
    def y(self) -> float:
        return round(HEIGHT - self.height, 2)

    @property
    def failed_y(self) -> float:
        return round(HEIGHT - self.failed, 2)


class Stretch(NamedTuple):
    """A time in which something is missing. `kind` chooses the hatching."""

    kind: str
    x: float
    width: float
    title: str


class Timeline(NamedTuple):
    """`most` is what the full height stands for."""

    from_ns: int
    to_ns: int
    bars: Sequence[Bar]
    stretches: Sequence[Stretch]
    legend: Sequence[tuple[str, str]]  # kinds of stretches and a sentence about them
    ticks: Sequence[str]
    most: int


def edges_of(since_ns: int, until_ns: int) -> list[int]:
    """At most INTERVALS_MAX intervals between round times; the first and the last edge are those
    given. `until_ns` is later than `since_ns`."""
    step_ns = _step_ns(until_ns - since_ns)
    first = (since_ns // step_ns + 1) * step_ns
    return [since_ns, *range(first, until_ns, step_ns), until_ns]


def _step_ns(span_ns: int) -> int:
    most = INTERVALS_MAX - 1
    for seconds in _ROUND_S:
        step_ns = round(seconds * _SECOND_NS)
        if span_ns <= step_ns * most:
            return step_ns
    return -(-span_ns // (most * _DAY_NS)) * _DAY_NS


def lay_out(
    counted: Survey,
    gaps: Sequence[Period],
    filtered: Sequence[Filtered],
    address: Callable[[int, int], str],
    *,
    hatched: bool = True,
) -> Timeline:
    """The shapes for counted intervals; `address` is where a click on a time leads. Gaps are only
    said, not hatched, where several hosts have some."""
    intervals = counted.intervals
    from_ns, to_ns = intervals[0].from_ns, intervals[-1].to_ns
    scale = Scale(from_ns, to_ns)
    most = max(interval.execs for interval in intervals)
    bars = [_bar(each, most, scale, counted, address) for each in intervals]
    missing = [
        *stretches_of(gaps if hatched else (), scale),
        *(_of_filtered(each, scale) for each in filtered),
    ]
    ticks = [local_time(from_ns + (to_ns - from_ns) * n // (_TICKS - 1)) for n in range(_TICKS)]
    return Timeline(
        from_ns, to_ns, bars, missing,
        [*_legend(gaps), *_legend_of_filtered(filtered)], _shortened(ticks), round(most),
    )  # fmt: skip


class Scale:
    """Places times of a span in the drawing."""

    def __init__(self, from_ns: int, to_ns: int) -> None:
        self._from_ns, self._span_ns = from_ns, max(1, to_ns - from_ns)

    def x(self, time_ns: int) -> float:
        """Within the drawing, also for times that are not."""
        share = (time_ns - self._from_ns) / self._span_ns
        return round(min(1.0, max(0.0, share)) * WIDTH, 2)


def _bar(
    interval: Interval,
    most: float,
    scale: Scale,
    counted: Survey,
    address: Callable[[int, int], str],
) -> Bar:
    x = scale.x(interval.from_ns)
    return Bar(
        x,
        round(scale.x(interval.to_ns) - x, 2),
        _height(interval.execs, most),
        _height(interval.failed, most),
        address(interval.from_ns, interval.to_ns),
        _title(interval, counted),
    )


def _height(number: float, most: float) -> float:
    return round(max(_LEAST, number / most * HEIGHT), 2) if number and most else 0.0


def _title(interval: Interval, counted: Survey) -> str:
    """`2026-01-31 03:00:00 to 03:10:00: 23 execs, 3 failed`."""
    begin, end = local_time(interval.from_ns), local_time(interval.to_ns)
    if counted.since_ns is not None and interval.to_ns <= counted.since_ns:
        return f"{begin} to {end}: not counted"
    about = "" if counted.execs_exact else "about "
    failed = f"{'' if counted.failed_exact else 'about '}{round(interval.failed)} failed"
    return f"{begin} to {end}: {about}{execs_of(round(interval.execs))}, {failed}"


def stretches_of(gaps: Iterable[Period], scale: Scale) -> Iterable[Stretch]:
    """Gaps of one kind that touch in the drawing are one stretch."""
    for kind, alike in groupby(sorted(gaps, key=lambda gap: gap.kind), lambda gap: gap.kind):
        together: list[Period] = []
        end = 0.0
        for gap in sorted(alike, key=lambda gap: gap.from_ns):
            if together and scale.x(gap.from_ns) > end + 1:
                yield _stretch(kind, together, scale)
                together = []
            end = scale.x(gap.to_ns)
            together.append(gap)
        yield _stretch(kind, together, scale)


def _stretch(kind: str, gaps: Sequence[Period], scale: Scale) -> Stretch:
    x, end = scale.x(gaps[0].from_ns), scale.x(max(gap.to_ns for gap in gaps))
    return Stretch(kind, x, max(round(end - x, 2), 2.0), note(gaps).removeprefix("note: "))


def _of_filtered(each: Filtered, scale: Scale) -> Stretch:
    x = scale.x(each.from_ns)
    title = f"{execs_of(each.execs)} filtered by {_named(each.by)}"
    return Stretch("filtered", x, max(round(scale.x(each.to_ns) - x, 2), 2.0), title)


def _legend_of_filtered(filtered: Sequence[Filtered]) -> Iterable[tuple[str, str]]:
    by: dict[str, int] = {}
    for each in filtered:
        by[each.by] = by.get(each.by, 0) + each.execs
    for name, execs in by.items():
        yield "filtered", f"{execs_of(execs)} {were(execs)} filtered by {_named(name)}"


def _named(by: str) -> str:
    return escape(by[:CHARS_MAX])


def _legend(gaps: Iterable[Period]) -> Iterable[tuple[str, str]]:
    ordered = sorted(gaps, key=lambda gap: (gap.kind, gap.why or ""))
    for key, alike in groupby(ordered, lambda gap: (gap.kind, gap.why)):
        yield key[0], note(list(alike)).removeprefix("note: ")


def _shortened(times: Sequence[str]) -> list[str]:
    """The day only where it differs from the one before, and no part of a second where there is
    none."""
    shown, day = [], ""
    for text in times:
        text = text.removesuffix(".000")
        shown.append(text[11:] if day and text[:10] == day else text)
        day = text[:10]
    return shown
