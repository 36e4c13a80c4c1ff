"""What a collector reports about itself: how many execs it saw, stored and lost, and when."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class Counts(NamedTuple):
    """The counts of one run of a collector so far: `seen = stored + filtered + lost`."""

    seen: int
    stored: int
    filtered: int
    lost: int


class Cause(StrEnum):
    """Why execs were lost. docs/reliability.md explains each."""

    RING_FULL = "ring full"
    UNREADABLE = "record unreadable"
    SKIPPED = "program skipped"
    MISSING = "record missing"
    REFUSED = "database refused"
    NO_SPACE = "no space"
    WAL_BLOCKED = "wal blocked"


class Loss(NamedTuple):
    """An interval, in wall-clock time, in which execs were lost for one cause. `number` identifies
    the interval within its run: an interval that grows is written again under the same number."""

    number: int
    cause: str
    from_ns: int
    to_ns: int
    lost: int


class ClockSet(NamedTuple):
    """The wall clock was set during recording, from `before_ns` to `after_ns`."""

    before_ns: int
    after_ns: int


class Account(NamedTuple):
    """What a collector reports besides its counts: the wall-clock times between which it certainly
    recorded (None: unchanged since the last report), its losses, and settings of the clock."""

    started_ns: int | None = None
    alive_ns: int | None = None
    losses: Sequence[Loss] = ()
    clock_sets: Sequence[ClockSet] = ()


NOTHING_MORE = Account()
