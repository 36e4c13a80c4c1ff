"""Which row is which process image: what parents and ends refer to.

Images that run are kept in memory, up to a number, and so are the last ones that ended, because
what they forked may still exec. Anything older is looked up in the database.
"""

from itertools import islice
from sqlite3 import Connection

from execdb.store.event import ImageKey
from execdb.store.segments.segment import row_of

_ENDED = 4_096  # kept in memory after they ended, at least; or all of a larger batch
_LOST = 4_096  # known to have no row
_KNOWN = 24_000  # in memory, some 6 MB; of more that run the oldest are looked up


class Lineage:
    """The rows of a boot's images, by when they began and in which process: `running` and `ended`
    of those that are kept in memory. The writer of rows moves them from one to the other."""

    def __init__(self, boot_id: str) -> None:
        self._boot_id = boot_id
        self.running: dict[ImageKey, int] = {}
        self.ended: dict[ImageKey, int] = {}
        self._ended_before: dict[ImageKey, int] = {}
        self._lost: set[ImageKey] = set()

    def find(self, connection: Connection, key: ImageKey) -> int | None:
        """The row of an image that is not in `running`; None if it was lost or never recorded."""
        row = self.ended.get(key) or self._ended_before.get(key)
        if row is None and key not in self._lost:
            row = row_of(connection, self._boot_id, *key)
            if row is None:
                self._note_lost(key)
        return row

    def _note_lost(self, key: ImageKey) -> None:
        """A lost parent may have many children: it is looked up only once."""
        if len(self._lost) >= _LOST:
            self._lost.clear()
        self._lost.add(key)

    def step_aside(self, key: ImageKey) -> ImageKey:
        """Another image takes the key of this one: returns its new key, which is of no process."""
        boot_ns, pid = key
        new = boot_ns, -1 - pid
        self.running[new] = self.running[key]
        return new

    def bound(self) -> None:
        """To be called when a batch was stored: forgets what is too much."""
        if len(self.ended) >= _ENDED:
            self._ended_before, self.ended = self.ended, {}
        too_many = len(self.running) - _KNOWN
        if too_many > 0:  # many at a time: finding the oldest gets slow after deletions
            for key in list(islice(self.running, too_many + _KNOWN // 8)):
                del self.running[key]

    def undo(self, first: int) -> None:
        """Forgets rows from `first` on: their transaction failed."""
        self.running = {key: row for key, row in self.running.items() if row < first}
        self.ended = {key: row for key, row in self.ended.items() if row < first}
