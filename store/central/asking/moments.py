"""Times as the central tables have them: microseconds, and the nanoseconds beyond them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from execdb.store.central.asking.conditions import Condition

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_US = (1 << 63) // 1_000  # what fits into nanoseconds: 1677 to 2262


def moment(time_ns: int) -> datetime:
    """The value of the column `time`."""
    return _EPOCH + timedelta(microseconds=max(-_MOST_US, min(time_ns // 1_000, _MOST_US)))


def time_ns(moment_: datetime) -> int:
    """The nanoseconds since 1970 of a value of the column `time`."""
    return (moment_ - _EPOCH) // timedelta(microseconds=1) * 1_000


def within(since_ns: int | None, until_ns: int | None) -> Iterator[Condition]:
    """That a row is of this time. What is said of `time` alone tells which partitions to read."""
    if since_ns is not None:
        begin, nanos = moment(since_ns), since_ns % 1_000
        yield Condition("e.time >= %s", [begin])
        yield Condition("(e.time > %s OR e.nanos >= %s)", [begin, nanos])
    if until_ns is not None:
        end, nanos = moment(until_ns), until_ns % 1_000
        yield Condition("e.time <= %s", [end])
        yield Condition("(e.time < %s OR e.nanos < %s)", [end, nanos])
