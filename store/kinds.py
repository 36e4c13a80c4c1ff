"""What the keys of an event can be: the kinds of their values, and the groups that recur."""

from enum import StrEnum

ENDINGS = ("exit", "signal", "exec")  # what `ended` can be


class Kind(StrEnum):
    """What values a key has. A value is checked, printed and, in a condition, read by its kind."""

    INT64 = "int64"  # a whole number from 0
    INT32 = "int32"  # likewise, of 32 bits
    ROW = "row"  # the id of a row; less than 0 for a program that ran before the collector
    TIME = "time"  # nanoseconds since 1970
    TIME_TEXT = "time as text"  # RFC 3339; made of a TIME, for output only
    DURATION = "duration"  # nanoseconds
    UID = "uid"
    EXIT_CODE = "exit code"
    SIGNAL = "signal"
    BOOL = "bool"
    GENERATION = "generation"  # a whole number from 0, which stands for not known
    TEXT = "text"
    TEXTS = "texts"
    ERRNO = "errno"  # text, `ENOENT`
    ENDING = "ending"  # text: one of ENDINGS

    @property
    def is_text(self) -> bool:
        """Whether values are single texts."""
        return self in (Kind.TEXT, Kind.ERRNO, Kind.ENDING)

    @property
    def most(self) -> int | None:
        """The greatest number that a value can be; None if values are not numbers."""
        return _MOST.get(self)

    @property
    def absent(self) -> bool | int | None:
        """What a file of an older execdb means that lacks the key; None if it must not."""
        return {Kind.BOOL: False, Kind.GENERATION: 0}.get(self)


_UINT32_MAX, _INT64_MAX = (1 << 32) - 1, (1 << 63) - 1  # what SQLite holds is signed
_MOST = {
    Kind.INT64: _INT64_MAX,
    Kind.INT32: _UINT32_MAX,
    Kind.ROW: _INT64_MAX,
    Kind.TIME: _INT64_MAX,
    Kind.DURATION: _INT64_MAX,
    Kind.UID: _UINT32_MAX,
    Kind.EXIT_CODE: 255,
    Kind.SIGNAL: 127,
    Kind.GENERATION: _INT64_MAX,
}


class Group(StrEnum):
    """Keys whose values recur together from event to event; those of ROW do not. BOOT is stored in
    the table `run`, ORIGIN and COMMAND in tables of their names, the others in `image`."""

    ROW = "row"
    BOOT = "boot"
    ORIGIN = "origin"
    COMMAND = "command"
    OUTCOME = "outcome"
