"""Which values of a field get a column of a timeline, and what stands in it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from execdb.cli.output.escape import escape
from execdb.cli.table.layout import cut, width_of
from execdb.store.json_text import json_of

if TYPE_CHECKING:
    from execdb.store.overview.timeline import Count, Interval

_VALUE_MOST = 15  # cells of a value
_OTHER = object()  # stands for all values that have no column


def columns_of(intervals: Sequence["Interval"], room: int, spare: int) -> list[tuple[Any, int]]:
    """The most frequent values that there is room for, and the widths of their columns. The first
    one may also take what is spare."""
    totals: Counter[Any] = Counter()
    widest: dict[Any, int] = {}
    for interval in intervals:
        for value, count in interval.by.items():
            totals[value] += count.execs
            widest[value] = max(widest.get(value, 0), len(_cell(count)))
    if not totals:
        return []
    order = sorted(totals, key=lambda value: (-totals[value], str(value)))
    other = max((len(str(interval.count.execs)) for interval in intervals), default=0) + 1
    other = max(other, len("other"))
    found: list[tuple[Any, int]] = []
    used = 0
    for at, value in enumerate(order):
        width = max(widest[value], min(_VALUE_MOST, width_of(title_of(value, _VALUE_MOST))))
        rest = 0 if at == len(order) - 1 else other + 2
        if not found:  # there is always one, if the bars become shorter for it
            width = max(widest[value], min(width, room + spare - rest - 2))
        if found and used + width + 2 + rest > room:
            break
        found.append((value, width))
        used += width + 2
    return found if len(found) == len(order) else [*found, (_OTHER, other)]


def in_column(interval: "Interval", value: Any, columns: Sequence[tuple[Any, int]]) -> str:
    """The cell of an interval in the column of this value: `12`, `12!` if some of them failed, or
    `.`."""
    if value is not _OTHER:
        return _cell(interval.by.get(value))
    shown: Mapping[Any, int] = dict(columns)
    rest = [count for each, count in interval.by.items() if each not in shown]
    execs, failed = sum(count.execs for count in rest), sum(count.failed for count in rest)
    return f"{execs}{'!' * (failed > 0)}" if execs else "."


def _cell(count: "Count | None") -> str:
    """`12`, `12!` if some of them failed."""
    return "." if count is None else f"{count.execs}{'!' * (count.failed > 0)}"


def title_of(value: Any, width: int) -> str:
    """The heading of the column of this value, escaped, in at most `width` cells."""
    if value is _OTHER:
        return "other"
    text = "null" if value is None else value if isinstance(value, str) else json_of(value)
    return cut(escape(text), width)
