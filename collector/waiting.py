"""Events that were decoded and are not stored yet, in order of boot time over all CPUs. Pure."""

from bisect import bisect_right
from operator import attrgetter
from typing import NamedTuple, TypeVar

from execdb.collector.decode import Decoded
from execdb.store.event import REPLACED, End, Exec, ImageKey

T = TypeVar("T", Exec, End)

_BOOT_NS = attrgetter("boot_ns")
_WAITING_MAX = 200_000  # events of a kind that wait for a locked database; about 100 MB


class Batch(NamedTuple):
    """What to store next; up to `until_ns` (boot time) that is everything."""

    execs: list[Exec]
    ends: list[End]
    until_ns: int


class Waiting:
    """A batch has at most `batch_max` execs."""

    def __init__(self, batch_max: int) -> None:
        self._batch_max = batch_max
        self._execs: list[Exec] = []
        self._ends: list[End] = []
        self._given_up: set[ImageKey] = set()  # images that get no row, while they run

    @property
    def execs(self) -> int:
        """How many there are."""
        return len(self._execs)

    @property
    def ends(self) -> int:
        return len(self._ends)

    def add(self, decoded: Decoded) -> None:
        self._execs += decoded.execs
        self._execs.sort(key=_BOOT_NS)
        self._ends += decoded.ends
        self._ends.sort(key=_BOOT_NS)
        self._pass_over_ends()

    def batch(self, until_ns: int) -> Batch:
        """The first that wait, up to a time; they go on waiting until they are `stored`."""
        execs = _settled(self._execs, until_ns)
        if len(execs) > self._batch_max:
            execs = execs[: self._batch_max]
            until_ns = execs[-1].boot_ns
        return Batch(execs, _settled(self._ends, until_ns), until_ns)

    def stored(self, batch: Batch) -> None:
        del self._execs[: len(batch.execs)], self._ends[: len(batch.ends)]

    def give_up(self, until_ns: int) -> list[Exec]:
        """Takes off the execs up to a time; their ends are passed over. Ends of others wait: their
        rows may be there; so do those of images that such an exec has replaced."""
        execs = _settled(self._execs, until_ns)
        self._ends += [
            End(event.boot_ns, event.parent, REPLACED)
            for event in execs
            if event.replaces and event.parent is not None
        ]
        self._ends.sort(key=_BOOT_NS)
        self._given_up.update((event.boot_ns, event.pid) for event in execs)
        self._pass_over_ends()
        del self._execs[: len(execs)]
        return execs

    def _pass_over_ends(self) -> None:
        """The sink would look for the row of each, which takes long."""
        if not self._given_up:
            return
        images = {end.image for end in self._ends} & self._given_up
        self._ends = [end for end in self._ends if end.image not in images]
        self._given_up -= images
        if len(self._given_up) > _WAITING_MAX:
            self._given_up.clear()

    def too_many_ns(self) -> int | None:
        """Up to when execs must be given up, because too many wait; None if there are not."""
        too_many = len(self._execs) - _WAITING_MAX
        return self._execs[too_many - 1].boot_ns if too_many > 0 else None

    def drop_ends(self) -> int:
        """Drops the oldest ends where too many wait; returns how many."""
        too_many = max(0, len(self._ends) - _WAITING_MAX)
        del self._ends[:too_many]
        return too_many


def _settled(events: list[T], until_ns: int) -> list[T]:
    return events[: bisect_right(events, until_ns, key=_BOOT_NS)]
