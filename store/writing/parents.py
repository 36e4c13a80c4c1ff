"""Which row is which process image: what parents and ends refer to.

Images that run are kept in memory, up to a number, and so are the last ones that ended, because
what they forked may still exec. Anything older is looked up in the database.
"""

from collections import deque
from itertools import islice
from sqlite3 import Connection

from execdb.store.event import ImageKey
from execdb.store.segments.segment import row_of

_ENDED = 4_096  # kept in memory after they ended; or all of a larger batch
_LOST = 4_096  # known to have no row
_KNOWN = 24_000  # in memory, some 6 MB; of more that run the oldest are looked up


class Lineage:
    """The images of a boot, by when they began and in which process. `ids` has the rows of those
    that are kept in memory; the writer of rows puts them there."""

    def __init__(self, boot_id: str) -> None:
        self._boot_id = boot_id
        self.ids: dict[ImageKey, int] = {}
        self._ended: deque[list[ImageKey]] = deque()  # by the batch that stored it
        self._ended_count = 0
        self._lost: set[ImageKey] = set()

    def look_up(self, connection: Connection, key: ImageKey) -> int | None:
        """The row of an image that is not in `ids`; None if it was lost or never recorded."""
        if key in self._lost:
            return None
        found = row_of(connection, self._boot_id, *key)
        if found is None:
            self._note_lost(key)
        return found

    def _note_lost(self, key: ImageKey) -> None:
        """A lost parent may have many children: it is looked up only once."""
        if len(self._lost) >= _LOST:
            self._lost.clear()
        self._lost.add(key)

    def let_go(self, ended: list[ImageKey]) -> None:
        """Images that ended, of a batch that was stored: they are forgotten after a while."""
        if ended:
            self._ended.append(ended)
            self._ended_count += len(ended)
        while self._ended and self._ended_count - len(self._ended[0]) >= _ENDED:
            oldest = self._ended.popleft()
            self._ended_count -= len(oldest)
            for key in oldest:
                self.ids.pop(key, None)
        too_many = len(self.ids) - _KNOWN
        if too_many > 0:  # many at a time: finding the oldest gets slow after deletions
            for key in list(islice(self.ids, too_many + _KNOWN // 8)):
                del self.ids[key]

    def undo(self, first: int) -> None:
        """Forgets rows from `first` on: their transaction failed."""
        self.ids = {key: row for key, row in self.ids.items() if row < first}
