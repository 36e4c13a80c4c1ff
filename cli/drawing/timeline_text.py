"""A timeline for people: a line for each interval, gaps and notes between them."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from execdb.cli.drawing.bars import bar, hatched, mark_of, named
from execdb.cli.drawing.value_columns import columns_of, in_column, title_of
from execdb.cli.output.escape import escape
from execdb.cli.show.durations import compact
from execdb.cli.table.layout import DIM, RED, Cell, cut, width_of

if TYPE_CHECKING:
    from execdb.store.ledger.coverage import Period
    from execdb.store.overview.timeline import Interval

_OFF = "\x1b[0m"
_SECOND_NS = 10**9
_BAR_LEAST = 10  # cells
_MARKS = 3  # kinds of gaps
_NOTES_MAX = 20  # shown of one interval


class Look(NamedTuple):
    """`every_ns` is the length of an interval, `width` is in cells."""

    every_ns: int
    width: int
    utc: bool = False
    colour: bool = False


class Note(NamedTuple):
    """A line between intervals; `mark` stands before it."""

    time_ns: int
    text: str
    mark: str = "*"


def timeline_lines(
    intervals: Sequence["Interval"],
    gaps: Sequence["Period"],
    notes: Sequence[Note],
    zone: str,
    look: Look,
) -> Iterator[str]:
    """A header, a line for each interval, and below it what is missing or was noted in it.
    Intervals that a gap covers are one line."""
    drawing = _Drawing(intervals, zone, look)
    yield drawing.header()
    of_interval = touching(intervals, gaps)
    covering = [_covering(each, gaps, of_interval[at]) for at, each in enumerate(intervals)]
    said = {at for at in covering if at is not None}  # places of gaps that need no other line
    later = sorted(notes)
    for gap_at, some in groupby(range(len(intervals)), covering.__getitem__):
        here = list(some)
        if gap_at is not None:
            yield drawing.stretch(intervals[here[0]], gaps[gap_at])
            yield from drawing.notes(_until(later, intervals[here[-1]].to_ns))
            continue
        for at in here:
            yield drawing.line(intervals[at], [gaps[each] for each in of_interval[at]])
            fresh = [gaps[each] for each in of_interval[at] if each not in said]
            said.update(of_interval[at])
            yield from drawing.missing(fresh)
            yield from drawing.notes(_until(later, intervals[at].to_ns))
    yield from drawing.notes(later)


def _until(notes: list[Note], to_ns: int) -> list[Note]:
    """Takes those before a time off the list."""
    number = bisect_left(notes, (to_ns,))
    found = notes[:number]
    del notes[:number]
    return found


def touching(intervals: Sequence["Interval"], gaps: Sequence["Period"]) -> list[list[int]]:
    """The places of the gaps that each interval has a part of. Both are in order."""
    found: list[list[int]] = []
    first = 0
    for interval in intervals:
        while first < len(gaps) and gaps[first].to_ns <= interval.from_ns:
            first += 1
        at, here = first, []
        while at < len(gaps) and gaps[at].from_ns < interval.to_ns:
            if gaps[at].to_ns > interval.from_ns:  # those of several hosts overlap
                here.append(at)
            at += 1
        found.append(here)
    return found


def _covering(interval: "Interval", gaps: Sequence["Period"], here: Sequence[int]) -> int | None:
    """The gap that leaves nothing of an interval."""
    if len(here) == 1 and not interval.count.execs:
        gap = gaps[here[0]]
        if gap.from_ns <= interval.from_ns and gap.to_ns >= interval.to_ns:
            return here[0]
    return None


class _Drawing:
    """Knows how wide the columns are."""

    def __init__(self, intervals: Sequence["Interval"], zone: str, look: Look) -> None:
        self._look, self._zone = look, zone
        self._most = max((each.count.execs for each in intervals), default=0)
        self._time = max(len(self._label(0)), len(self._title()))
        number = len(str(self._most))
        self._execs = max(number, len("execs"))
        self._failed = max(len(str(max((i.count.failed for i in intervals), default=0))), 6)
        used = self._time + self._execs + self._failed + _MARKS + 8
        self._values = columns_of(intervals, look.width - used - _BAR_LEAST, _BAR_LEAST // 2)
        self._bar = max(0, look.width - used - sum(width + 2 for _, width in self._values))

    def header(self) -> str:
        names = "".join(
            f"  {' ' * (width - width_of(shown))}{shown}"
            for value, width in self._values
            for shown in [title_of(value, width)]
        )
        return self._row(self._title(), "execs", "failed", "", names)

    def line(self, interval: "Interval", gaps: Sequence["Period"]) -> str:
        count, colour = interval.count, self._look.colour
        well, ill = bar(count.execs, count.failed, self._most, self._bar)
        values = "".join(
            f"  {in_column(interval, value, self._values):>{width}}"
            for value, width in self._values
        )
        drawn = f"{values}  {well}{_coloured(ill, RED, colour)}"
        failed = Cell(str(count.failed), RED if count.failed else DIM)
        return self._row(
            self._label(interval.from_ns), str(count.execs), failed, mark_of(gaps), drawn
        )

    def stretch(self, first: "Interval", gap: "Period") -> str:
        room = self._look.width - self._time - 2
        text = cut(hatched(gap, room), room)
        shown = _coloured(text, DIM, self._look.colour)
        return f"{self._label(first.from_ns):<{self._time}}  {shown}\n"

    def missing(self, gaps: Sequence["Period"]) -> Iterator[str]:
        """What is missing in an interval, one line for each kind."""
        by_kind = sorted(gaps, key=lambda gap: (gap.kind, gap.why or ""))
        for _, alike in groupby(by_kind, lambda gap: (gap.kind, gap.why)):
            some = list(alike)
            yield self._below(mark_of(some), named(some))

    def notes(self, notes: Sequence[Note]) -> Iterator[str]:
        for note in notes[:_NOTES_MAX]:
            yield self._below(note.mark, f"{self._clock(note.time_ns)} {escape(note.text)}")
        if len(notes) > _NOTES_MAX:
            more = len(notes) - _NOTES_MAX
            yield self._below("*", f"{more} more notes: a shorter --every shows more of them")

    def _below(self, mark: str, text: str) -> str:
        line = " " * (self._time + 2) + f"{mark} {text}"
        return cut(line, self._look.width) + "\n"

    def _row(self, time: str, execs: str, failed: str | Cell, mark: str, rest: str) -> str:
        text, colour = failed if isinstance(failed, Cell) else (failed, "")
        shown = " " * (self._failed - len(text)) + _coloured(text, colour, self._look.colour)
        row = f"{time:<{self._time}}  {execs:>{self._execs}}  {shown}  {mark:<{_MARKS}}{rest}"
        return row.rstrip() + "\n"

    def _title(self) -> str:
        return f"{compact_length(self._look.every_ns)} ({self._zone})"

    def _label(self, time_ns: int) -> str:
        text = self._moment(time_ns)
        if text.startswith("@"):
            return text
        every_ns = self._look.every_ns
        if every_ns >= 86_400 * _SECOND_NS:
            return text[:10]
        if every_ns % (60 * _SECOND_NS) == 0:
            return text[:16]
        return text[:19] if every_ns % _SECOND_NS == 0 else text

    def _clock(self, time_ns: int) -> str:
        text = self._moment(time_ns)
        return text if text.startswith("@") else text[11:19]

    def _moment(self, time_ns: int) -> str:
        seconds, rest_ns = divmod(time_ns, _SECOND_NS)
        try:
            moment = datetime.fromtimestamp(seconds, UTC if self._look.utc else None)
        except (ValueError, OverflowError, OSError):
            return f"@{seconds}"
        return f"{moment:%Y-%m-%d %H:%M:%S}.{rest_ns // 1_000_000:03d}"


def compact_length(length_ns: int) -> str:
    """`every 5m`: a length of time as one may give it to --every."""
    for unit_ns, unit in ((86_400 * _SECOND_NS, "d"), (3_600 * _SECOND_NS, "h"),
                          (60 * _SECOND_NS, "m"), (_SECOND_NS, "s"), (10**6, "ms")):  # fmt: skip
        if length_ns % unit_ns == 0:
            return f"{length_ns // unit_ns}{unit}"
    return compact(length_ns)


def _coloured(text: str, colour: str, wanted: bool) -> str:
    return f"{colour}{text}{_OFF}" if text and colour and wanted else text
