"""Which row is which process image: what parents and ends refer to.

Images that run are known by heart, and so are the last ones that ended, because what they
forked may still exec. Anything older is looked up in the database.
"""

from collections import deque
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from execdb.store.event import Exec, ImageKey
from execdb.store.schema import image

_ENDED = 16_384  # remembered though they ended


class Lineage:
    """The images of one run, by when they began and in which process."""

    def __init__(self, run_id: int) -> None:
        self._run_id = run_id
        self._ids: dict[ImageKey, int] = {}
        self._ended: deque[ImageKey] = deque()
        self._seen: dict[ImageKey, Exec] = {}

    def know(self, images: Iterable[Exec]) -> None:
        """Images that ran before the run began; stored only where a recorded one descends
        from them."""
        self._seen.update(((image.boot_ns, image.pid), image) for image in images)

    def id(self, connection: Connection, key: ImageKey) -> int | None:
        """The row of an image; None if it was lost or never recorded."""
        found = self._ids.get(key)
        if found is None and key not in self._seen:
            found = self._look_up(connection, key)
        return found

    def seen(self, key: ImageKey) -> Exec | None:
        """The image as /proc told of it."""
        return self._seen.get(key)

    def update(self, began: Mapping[ImageKey, int], ended: Iterable[ImageKey]) -> None:
        """What a committed batch has brought: rows of images, and images that need not be
        remembered for long."""
        self._ids.update(began)
        self._ended.extend(ended)
        while len(self._ended) > _ENDED:
            self._ids.pop(self._ended.popleft(), None)

    def _look_up(self, connection: Connection, key: ImageKey) -> int | None:
        boot_ns, pid = key
        found = connection.scalar(
            select(image.c.id).where(
                image.c.pid == pid, image.c.boot_ns == boot_ns, image.c.run_id == self._run_id
            )
        )
        return None if found is None else int(found)
