"""Divides a time into intervals that begin at round times: the local ones, or those of UTC.

Pure, except for the local zone.
"""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta

from execdb.store.errors import UsageError
from execdb.store.terms.times import first_of_day

_SECOND_NS = 10**9
DAY_NS = 86_400 * _SECOND_NS
INTERVALS_MAX = 20_000
# Lengths that people count in; beyond the last one, ten times as many days, and so on.
_ROUND_NS: tuple[int, ...] = (
    *(10**n * factor for n in range(6, 9) for factor in (1, 2, 5)),  # 1 ms to 500 ms
    *(seconds * _SECOND_NS for seconds in (1, 2, 5, 10, 15, 30)),
    *(minutes * 60 * _SECOND_NS for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * 3_600 * _SECOND_NS for hours in (1, 2, 3, 6, 12)),
    *(days * DAY_NS for days in (1, 2, 7, 14, 28, 70, 140, 350)),
)


def round_length_ns(span_ns: int, at_most: int) -> int:
    """The shortest round length of which `at_most` intervals, one less than needed at the edges,
    cover a span."""
    for known_ns in _ROUND_NS:
        if span_ns <= known_ns * max(1, at_most - 1):
            return known_ns
    length_ns = 700 * DAY_NS
    while span_ns > length_ns * max(1, at_most - 1):
        length_ns *= 10
    return length_ns


def edges_of(since_ns: int, until_ns: int, every_ns: int, *, utc: bool) -> list[int]:
    """Where intervals begin, and the end of the last one: the first edge is `since_ns`, the last
    one `until_ns`, the others are round. Whole days begin at midnight, so they may have 23 or 25
    hours. Raises UsageError for more than INTERVALS_MAX intervals."""
    number = -(-(until_ns - since_ns) // every_ns)
    if number > INTERVALS_MAX:
        raise UsageError(
            f"that would be {number} intervals, more than {INTERVALS_MAX}: give a longer --every, "
            "or a shorter time by --since and --until"
        )
    if every_ns % DAY_NS == 0 and not utc:
        inner = _midnights(since_ns, until_ns, every_ns // DAY_NS)
    else:
        offset_ns = 0 if utc else _offset_ns(since_ns)
        first = (since_ns + offset_ns) // every_ns * every_ns - offset_ns
        inner = list(range(first + every_ns, until_ns, every_ns))
    return [since_ns, *(edge for edge in inner if since_ns < edge < until_ns), until_ns]


def index_of(edges: list[int], time_ns: int) -> int:
    """Which interval a time is in; -1 before the first one, len(edges) - 1 after the last one."""
    return bisect_right(edges, time_ns) - 1


def _offset_ns(time_ns: int) -> int:
    """How far local time is ahead of UTC; 0 where datetime does not know the time."""
    try:
        local = datetime.fromtimestamp(time_ns // _SECOND_NS).astimezone()
    except (ValueError, OverflowError, OSError):
        return 0
    return int((local.utcoffset() or timedelta()).total_seconds()) * _SECOND_NS


def _midnights(since_ns: int, until_ns: int, days: int) -> list[int]:
    """Every so many days, counted from 0001-01-01, a Monday; of UTC where datetime
    does not know the time."""
    try:
        first = datetime.fromtimestamp(since_ns // _SECOND_NS).date()
        first -= timedelta(days=(first.toordinal() - 1) % days)
        found: list[int] = []
        while not found or found[-1] < until_ns:
            midnight = datetime(first.year, first.month, first.day)
            found.append(int(first_of_day(midnight).timestamp()) * _SECOND_NS)
            first += timedelta(days=days)
        return found
    except (ValueError, OverflowError, OSError):
        length_ns = days * DAY_NS
        return list(range(since_ns // length_ns * length_ns + length_ns, until_ns, length_ns))


def zone_of(time_ns: int, *, utc: bool) -> str:
    """The name of the zone at a time, such as CET."""
    try:
        zone = UTC if utc else None
        return datetime.fromtimestamp(time_ns // _SECOND_NS).astimezone(zone).tzname() or ""
    except (ValueError, OverflowError, OSError):
        return "UTC"


def clock_changes(since_ns: int, until_ns: int) -> list[tuple[int, int]]:
    """When local clocks were changed, and by how much (ns; below 0: they went back)."""
    found: list[tuple[int, int]] = []
    before_ns = since_ns
    while before_ns < until_ns and len(found) < _CHANGES_MAX:
        behind_ns = min(before_ns + 7 * DAY_NS, until_ns)
        shift_ns = _offset_ns(behind_ns) - _offset_ns(before_ns)
        if shift_ns:
            found.append((_change_between(before_ns, behind_ns), shift_ns))
        before_ns = behind_ns
    return found


_CHANGES_MAX = 100


def _change_between(before_ns: int, behind_ns: int) -> int:
    """The moment, to the second."""
    while behind_ns - before_ns > _SECOND_NS:
        middle_ns = (before_ns + behind_ns) // 2
        if _offset_ns(middle_ns) == _offset_ns(before_ns):
            before_ns = middle_ns
        else:
            behind_ns = middle_ns
    return behind_ns // _SECOND_NS * _SECOND_NS
