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


class FilterCause(StrEnum):
    """Why an exec was left out on purpose."""

    RULE = "rule"
    LIMIT = "limit"


class FilteredBy(NamedTuple):
    """What left execs out: the rule with this number, or the limit of this uid (None: not known
    any more)."""

    cause: FilterCause
    rule: int | None = None
    uid: int | None = None


class Filtered(NamedTuple):
    """An interval, in wall-clock time, in which one rule or limit left execs out. `number`
    identifies it within its run, as that of a loss does."""

    number: int
    by: FilteredBy
    from_ns: int
    to_ns: int
    filtered: int


class ClockSet(NamedTuple):
    """The wall clock was set during recording, from `before_ns` to `after_ns`."""

    before_ns: int
    after_ns: int


class Account(NamedTuple):
    """What a collector reports besides its counts: the wall-clock times between which it certainly
    recorded (None: unchanged since the last report), its losses, settings of the clock, and what
    was left out."""

    started_ns: int | None = None
    alive_ns: int | None = None
    losses: Sequence[Loss] = ()
    clock_sets: Sequence[ClockSet] = ()
    filtered: Sequence[Filtered] = ()


NOTHING_MORE = Account()
