"""How far a file is above its bound on size. Pure."""

from enum import IntEnum

from execdb.store.limits.bounds import Bounds

_MARGIN = 20  # removing stops when a twentieth of the room is free, so that it comes in bursts
_MUCH = 16  # a sixteenth of the reserve is used


class Excess(IntEnum):
    """What the next step of retention has to know about the size of the file."""

    NONE = 0  # nothing has to be removed
    MARGIN = 1  # within the bound again, but the margin is not free yet
    SOME = 2  # above the bound: the next step should not wait
    MUCH = 3  # so far above that rows have to be removed at once


def target_bytes(room_bytes: int) -> int:
    """How much may be used when removing stops."""
    return room_bytes - room_bytes // _MARGIN


def excess_of(used_bytes: int, bounds: Bounds, first_bytes: int, before: Excess) -> Excess:
    """`first_bytes` were used when the program started: a file that was too large by then is made
    smaller without haste. `before` is what this function returned the last time."""
    room, size_max = bounds.room_bytes, bounds.max_bytes
    if room is None or size_max is None:
        return Excess.NONE
    if used_bytes > max(first_bytes, room + (size_max - room) // _MUCH):
        return Excess.MUCH
    if used_bytes > room:
        return Excess.SOME
    if before is not Excess.NONE and used_bytes > target_bytes(room):
        return Excess.MARGIN
    return Excess.NONE
