"""Which row is which process image: what parents and ends refer to.

Images that run are known by heart, and so are the last ones that ended, because what they
forked may still exec. Anything older is looked up in the database.
"""

from collections import deque
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from execdb.store.event import ImageKey
from execdb.store.segments import row_of

_ENDED = 4_096  # remembered though they ended
_LOST = 4_096  # remembered not to be there


class Lineage:
    """The images of one run, by when they began and in which process. `ids` holds the rows of
    those that are known by heart."""

    def __init__(self, run_id: int) -> None:
        self._run_id = run_id
        self.ids: dict[ImageKey, int] = {}
        self._ended: deque[ImageKey] = deque()
        self._lost: set[ImageKey] = set()

    def look_up(self, connection: Connection, key: ImageKey) -> int | None:
        """The row of an image that is not in `ids`; None if it was lost or never recorded."""
        if key in self._lost:
            return None
        found = row_of(connection, self._run_id, *key)
        if found is None:
            self._note_lost(key)
        return found

    def _note_lost(self, key: ImageKey) -> None:
        """One parent may have many children: it is looked for once."""
        if len(self._lost) >= _LOST:
            self._lost.clear()
        self._lost.add(key)

    def update(self, began: Mapping[ImageKey, int], ended: Iterable[ImageKey]) -> None:
        """What a committed batch has brought: rows of images, and images that need not be
        remembered for long."""
        self.ids.update(began)
        self._ended.extend(ended)
        while len(self._ended) > _ENDED:
            self.ids.pop(self._ended.popleft(), None)
