"""Which keys of two events are compared, and how."""

import re
from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

from execdb.store.event import Event
from execdb.store.fields import FIELD_OF

OF_THE_END = ("ended", "exit_code", "signal")
FIELDS = (
    *("filename", "comm", "argv", "argc", "truncated", "uid", "euid", "gid", "errno", "cwd"),
    *OF_THE_END,
)
# What differs from one build to the next: temporary files, and numbers.
_TEMPORARY = re.compile(r"/(tmp|var/tmp|dev/shm)/[^\s/:,;]+")
_NUMBER = re.compile(r"[0-9]+")
_ROUGH = ("filename", "comm", "argv", "cwd")


class Fields(NamedTuple):
    """`names` are keys; `alike`: temporary names and numbers in texts do not count."""

    names: tuple[str, ...] = FIELDS
    alike: bool = False

    def values(self) -> Callable[[Event], tuple[Any, ...]]:
        """What takes from an event the values that are compared, in the order of `names`."""
        places = [FIELD_OF[name].place for name in self.names]
        if self.alike:
            roughs = [name in _ROUGH for name in self.names]
            pairs = list(zip(places, roughs, strict=True))
            return lambda event: tuple(
                rough(event[place]) if is_rough else event[place] for place, is_rough in pairs
            )
        if len(places) < 2:
            return lambda event: tuple(event[place] for place in places)
        return itemgetter(*places)


def rough(value: Any) -> Any:
    """A text, or texts, without the names of temporary files, and without numbers. Null stays."""
    if isinstance(value, tuple):
        return tuple(map(rough, value))
    return value and _NUMBER.sub("0", _TEMPORARY.sub(r"/\1/", value))
