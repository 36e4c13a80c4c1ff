"""Which times were recorded, as a table."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from execdb.cli.output.escape import escape
from execdb.cli.show.durations import compact, duration
from execdb.cli.show.gap_notes import causes, execs_of, reason, total
from execdb.cli.table.layout import PAGE, Column, natural_widths, table
from execdb.store.times import local_time, rfc3339, zone_name

if TYPE_CHECKING:
    from execdb.store.ledger.coverage import Period

_WHAT_LEAST = 34  # cells of the last column, for which times and durations become shorter
# What is shown of `2026-01-31 03:04:05.678`: all, no fractions, no year, no seconds.
_WHOLE = slice(23)
_PARTS = (_WHOLE, slice(19), slice(5, 19), slice(5, 16))


class Look(NamedTuple):
    """`width` in cells; None: as wide as the table needs."""

    width: int | None = None
    utc: bool = False
    colour: bool = False


def coverage_table(found: Sequence["Period"], events: Sequence[int], look: Look) -> Iterator[str]:
    """A line for each period, each of which begins where the one before ended, and one with the
    sums. `events` has how many are stored of each."""
    columns = [
        Column(f"from ({zone_name(utc=look.utc)})"),
        Column("to"),
        Column("for", right=True),
        Column("what", text=True),
    ]
    part = _fitting(columns, found[:PAGE], events, look)
    yield from table(columns, _rows(found, events, part, look.utc), look.width, colour=look.colour)
    yield from fitted([_sums(found, events)], look.width)


def fitted(lines: Sequence[str], width: int | None) -> Iterator[str]:
    """Lines that are sentences, in as many of at most `width` cells as each needs."""
    for line in lines:
        for part in textwrap.wrap(line, width, break_on_hyphens=False) if width else [line]:
            yield f"{part}\n"


def _fitting(
    columns: Sequence[Column], page: Sequence["Period"], events: Sequence[int], look: Look
) -> slice:
    """The most of times that leaves room for the last column."""
    for part in _PARTS:
        rows = list(_rows(page, events[: len(page)], part, look.utc))
        *widths, last = natural_widths(columns, rows)
        used = sum(widths) + 2 * len(widths) + min(last, _WHAT_LEAST)
        if look.width is None or used <= look.width:
            return part
    return _PARTS[-1]


def _rows(
    found: Sequence["Period"], events: Sequence[int], part: slice, utc: bool
) -> Iterator[list[str]]:
    end = _time(found[0].from_ns, part, utc)
    lasted = duration if part == _WHOLE else compact
    for period, stored in zip(found, events, strict=True):
        begin, end = end, _time(period.to_ns, part, utc)
        yield [begin, end, lasted(period.to_ns - period.from_ns), _what(period, stored)]


def _time(time_ns: int, part: slice, utc: bool) -> str:
    text = rfc3339(time_ns) if utc else local_time(time_ns)
    return text if text.startswith("@") else text[part].replace("T", " ")


def _sums(found: Sequence["Period"], events: Sequence[int]) -> str:
    sums: dict[str, int] = {}
    for period in found:
        sums[period.kind] = sums.get(period.kind, 0) + period.to_ns - period.from_ns
    lost = sum(total(period.lost for period in found).values())
    times = ", ".join(f"{kind} {duration(sum_ns)}" for kind, sum_ns in sums.items())
    return f"in all: {times}; {execs_of(sum(events))}, {lost} lost"


def _what(period: "Period", stored: int) -> str:
    if period.why is not None:
        imported = f", {execs_of(stored)} imported from elsewhere" if stored else ""
        return f"blind     {reason(period.why)}{imported}"
    extra = ""
    if period.lost:
        by_cause = dict(period.lost)
        extra = f", {sum(by_cause.values())} lost ({causes(by_cause)})"
    if period.pruned:
        extra = f", {period.pruned} pruned"
    return f"{escape(period.kind):<9} {execs_of(stored)}{extra}"
