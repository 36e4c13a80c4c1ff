"""How a recording gets to know the programs that run already, which are parents too.

They are looked for before the kernel's program is attached, so that it has a parent for the first
exec, and once more behind it for what came in between. Nothing here ends a recording.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Protocol, TypeVar

from execdb.store.errors import DatabaseBusy, DatabaseError
from execdb.store.event import Exec, ImageKey

T = TypeVar("T")
_LOOKS = 2  # before: the second takes up what began or exec'd during the first, and is quick
_ATTEMPTS_BEFORE = 165  # to store them while another program holds the lock: 5 s
_ATTEMPTS_AFTER = 1  # the rings go on filling


class Running(Protocol):
    """Slices of what is new since the last look; `lack` says why there may be more."""

    @property
    def lack(self) -> str | None: ...
    def look(self) -> Iterator[Sequence[Exec]]: ...


class Source(Protocol):
    """`follow` lets the kernel know an image before its program is attached; `adopt` does so
    afterwards, unless it knows better: then it returns False. Both raise OSError."""

    def follow(self, image: ImageKey) -> None: ...
    def adopt(self, image: ImageKey) -> bool: ...


class Sink(Protocol):
    """`know` stores images that ran before, in one transaction, and returns by which keys parents
    and ends will name them."""

    def know(self, images: Sequence[Exec]) -> Sequence[ImageKey]: ...


class Meeting:
    """`may_store` says whether there is room to store them, `warn` tells the user, once for each
    trouble."""

    def __init__(
        self,
        running: Running,
        source: Source,
        sink: Sink,
        may_store: Callable[[], bool],
        warn: Callable[[str], None],
    ) -> None:
        self._running, self._source, self._sink = running, source, sink
        self._may_store, self._warn = may_store, warn
        self._said: set[str] = set()

    def before(self) -> None:
        """To be called before attaching."""
        if self._running.lack is not None:
            self._say(self._running.lack)
        for _ in range(_LOOKS):
            for images in self._running.look():
                for key in self._known(images, _ATTEMPTS_BEFORE):
                    self._followed(partial(self._source.follow, key))

    def after(self, drain: Callable[[], None]) -> None:
        """To be called once attached; `drain` empties the rings, which do not wait for us."""
        for images in self._running.look():
            adopt = self._source.adopt
            ours = [i for i in images if self._followed(partial(adopt, (i.boot_ns, i.pid)))]
            self._known(ours, _ATTEMPTS_AFTER)
            drain()

    def _known(self, images: Sequence[Exec], attempts: int) -> Sequence[ImageKey]:
        """Stores them; where that cannot be, nobody will name them."""
        if not images:
            return ()
        if not self._may_store():
            self._say(f"{_UNSTORED}: there is no space for them")
            return ()
        try:
            return patiently(partial(self._sink.know, images), attempts)
        except DatabaseError as error:
            self._say(f"{_UNSTORED}: {error}")
            return ()

    def _followed(self, follow: Callable[[], T]) -> T | None:
        try:
            return follow()
        except OSError as error:
            self._say(f"the kernel cannot follow all programs that run already: {error.strerror}")
            return None

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._warn(text)


_UNSTORED = "programs that run already could not be stored and are nobody's parent"


def patiently(write: Callable[[], T], attempts: int) -> T:
    """Tries so often while another program holds the lock. Raises DatabaseError."""
    for _ in range(attempts - 1):
        with contextlib.suppress(DatabaseBusy):
            return write()
    return write()
