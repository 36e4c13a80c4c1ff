"""How much of a user's execs is recorded in a second. Checked without the database."""

from typing import NamedTuple

from execdb.store.errors import UsageError

NONE = -1  # without limit
EXECS_MAX = 1_000_000
BYTES_MIN, BYTES_MAX = 1_000, 10**9
LIMITS_MAX = 1_024  # users with a limit of their own


class Limit(NamedTuple):
    """In a second. NONE: without limit. None: as every other user, and of every user without
    limit."""

    execs: int | None = None
    bytes: int | None = None

    def of(self, default: "Limit") -> "Limit":
        """This limit where all else is as `default` says; each part is a number or NONE."""
        return Limit(
            *(
                NONE if value is None else value
                for value in (
                    default.execs if self.execs is None else self.execs,
                    default.bytes if self.bytes is None else self.bytes,
                )
            )
        )


DEFAULT = Limit(None, 2_000_000)  # until the table says otherwise


def check_limit(limit: Limit) -> Limit:
    """Raises UsageError."""
    execs, size = limit
    if execs not in (None, NONE) and not _within(execs, 1, EXECS_MAX):
        more = "; execdb config ignore leaves a user out" if execs == 0 else ""
        raise UsageError(
            f"execs must be from 1 to {EXECS_MAX} a second, or none: {execs} is not{more}"
        )
    if size not in (None, NONE) and not _within(size, BYTES_MIN, BYTES_MAX):
        raise UsageError(f"bytes must be from 1kB to 1GB a second, or none: {size} is not")
    return limit


def _within(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most
