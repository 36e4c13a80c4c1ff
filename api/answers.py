"""What a script gets besides events: runs of the collector, and periods of time."""

from typing import NamedTuple

from execdb.store.times import rfc3339


class Run(NamedTuple):
    """One life of a collector, with the columns of the view `runs`. Times (`_ns`) are nanoseconds
    since the epoch. `seen = stored + filtered + lost` once it has ended."""

    run_id: int
    host: str
    boot_id: str
    started_ns: int
    ended_ns: int | None  # None while it records, and after a crash: see alive_ns
    ended: str | None  # clean or crashed; None while it records
    seen: int
    stored: int
    filtered: int
    lost: int
    kernel: str | None
    version: str | None  # of execdb
    pruned: int  # events of it that were removed since
    alive_ns: int | None  # until then it surely recorded


class Period(NamedTuple):
    """From `from_ns` up to `to_ns` (nanoseconds since the epoch) the same was the case."""

    kind: str  # recorded, lossy, pruned, imported or blind
    why: str | None  # it is blind
    from_ns: int
    to_ns: int
    run_id: int | None
    events: int  # that are stored of this time
    lost: dict[str, int]  # execs, by cause
    pruned: int  # events that were removed since
    complete: bool  # nothing that happened then is missing, as far as this file can tell

    @property
    def from_time(self) -> str:
        """`from_ns` as RFC 3339, in UTC."""
        return rfc3339(self.from_ns)

    @property
    def to_time(self) -> str:
        """`to_ns` as RFC 3339, in UTC."""
        return rfc3339(self.to_ns)

    @property
    def duration_ns(self) -> int:
        return self.to_ns - self.from_ns
