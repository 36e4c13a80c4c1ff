"""What a file is to be held to. Imports nothing heavy."""

from dataclasses import dataclass

WAL_MAX = 256 << 20  # bytes; taking up a larger one would hold up recording for seconds
MAX_BYTES_MIN = 10_000_000
_RESERVE_MAX = 64_000_000
_BATCH_MAX = 20_000  # the rings go on filling while one is stored
_BATCH_BYTES = 1_024  # of the reserve for each exec of a batch, which takes 50 to 250


@dataclass(frozen=True)
class Bounds:
    """What to keep: what is younger than `keep_ns`; a file that is, with its WAL, no larger than
    `max_bytes`, MAX_BYTES_MIN or more. None does not bound."""

    keep_ns: int | None = None
    max_bytes: int | None = None

    @property
    def wal_max_bytes(self) -> int:
        """What the WAL may grow to: whoever writes waits then until it is taken up."""
        return WAL_MAX if self.max_bytes is None else reserve_bytes(self.max_bytes) // 2

    @property
    def batch_max(self) -> int:
        """How many execs may be stored at once, without taking more than is left to that."""
        if self.max_bytes is None:
            return _BATCH_MAX
        return min(_BATCH_MAX, reserve_bytes(self.max_bytes) // _BATCH_BYTES)

    @property
    def room_bytes(self) -> int | None:
        """What may be used: the rest is for the WAL and for what comes between two steps."""
        return None if self.max_bytes is None else self.max_bytes - reserve_bytes(self.max_bytes)


def reserve_bytes(max_bytes: int) -> int:
    """What a bound on size leaves to the WAL and to what is written between two steps."""
    return min(max_bytes // 4, _RESERVE_MAX)
