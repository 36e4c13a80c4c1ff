"""The limits that a user sets for a file, and what follows from them. Imports nothing heavy."""

from dataclasses import dataclass

WAL_MAX = 256 << 20  # bytes; a checkpoint of a larger WAL would hold up recording for seconds
MAX_BYTES_MIN = 10_000_000
_RESERVE_MAX = 64_000_000  # bytes
_BATCH_MAX = 20_000  # execs; the rings continue to fill while a batch is stored
PAGES_MAX = 500  # that are given back to the file system at once
_PAGE_PART = 8  # of the reserve, for pages that take the places of those that are given back
_PAGE_BYTES = 4_096
_BATCH_BYTES = 1_024  # of the reserve for each exec of a batch; one takes 50 to 250


@dataclass(frozen=True)
class Bounds:
    """Events older than `keep_ns` are removed. The file and its WAL together never exceed
    `max_bytes`, which is at least MAX_BYTES_MIN. None means no limit."""

    keep_ns: int | None = None
    max_bytes: int | None = None

    @property
    def room_bytes(self) -> int | None:
        """What stored data may take. The rest of `max_bytes` is reserved for the WAL and for what
        is written between two steps of retention."""
        return None if self.max_bytes is None else self.max_bytes - reserve_bytes(self.max_bytes)

    @property
    def wal_max_bytes(self) -> int:
        """The size of the WAL above which nothing is stored until a checkpoint has emptied it."""
        return WAL_MAX if self.max_bytes is None else reserve_bytes(self.max_bytes) // 2

    @property
    def batch_max(self) -> int:
        """How many execs may be stored in one transaction without exceeding the reserve."""
        if self.max_bytes is None:
            return _BATCH_MAX
        return min(_BATCH_MAX, reserve_bytes(self.max_bytes) // _BATCH_BYTES)

    @property
    def step_pages(self) -> int:
        """How many free pages may be given back in one transaction without exceeding the reserve:
        as many others may have to be moved."""
        if self.max_bytes is None:
            return PAGES_MAX
        return min(PAGES_MAX, reserve_bytes(self.max_bytes) // _PAGE_PART // _PAGE_BYTES)


def reserve_bytes(max_bytes: int) -> int:
    """The part of a bound on size that is not for stored data: see `Bounds.room_bytes`."""
    return min(max_bytes // 4, _RESERVE_MAX)
