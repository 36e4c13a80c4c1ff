"""How a recording gets to know the programs that run already, which are parents too.

They are looked for before the kernel's program is attached, so that it has a parent for the first
exec, and once more behind it for what came in between. Nothing here ends a recording.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Protocol, TypeVar

from execdb.store.errors import DatabaseBusy, DatabaseError
from execdb.store.event import Exec, ImageKey

T = TypeVar("T")
_LOOKS = 2  # before: the second takes up what began or exec'd during the first, and is quick
_BEFORE_NS = 1_500_000_000  # then recording begins, whoever runs how many programs


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
    """`may_store` says whether there is room to store them; `now_ns` is any clock; `warn` tells the
    user, once for each trouble."""

    def __init__(
        self,
        running: Running,
        source: Source,
        sink: Sink,
        may_store: Callable[[], bool],
        now_ns: Callable[[], int],
        warn: Callable[[str], None],
    ) -> None:
        self._running, self._source, self._sink = running, source, sink
        self._may_store, self._now_ns, self._warn = may_store, now_ns, warn
        self._said: set[str] = set()

    def before(self) -> None:
        """To be called before attaching. What it does not come to in time is left for `after`."""
        if self._running.lack is not None:
            self._say(self._running.lack)
        until_ns = self._now_ns() + _BEFORE_NS
        for _ in range(_LOOKS):
            for images in self._running.look():
                for key in self._known(images, until_ns):
                    self._followed(partial(self._source.follow, key))
                if self._now_ns() >= until_ns:
                    return

    def after(self, step: Callable[[], None], stopped: Callable[[], bool]) -> None:
        """To be called once attached; `step` empties the rings, which do not wait for us."""
        adopt = self._source.adopt
        for images in self._running.look():
            ours = [i for i in images if self._followed(partial(adopt, (i.boot_ns, i.pid)))]
            for key in self._known(ours):
                self._followed(partial(adopt, key))  # by the key of its row, if that is another
            step()
            if stopped():
                return

    def _known(self, images: Sequence[Exec], until_ns: int = 0) -> Sequence[ImageKey]:
        """Stores them, trying until then while another program holds the lock; where that cannot
        be, nobody will name them."""
        if images and not self._may_store():
            self._say(f"{_UNSTORED}: there is no space for them")
            return ()
        while images:
            try:
                return self._sink.know(images)
            except DatabaseError as error:
                if not isinstance(error, DatabaseBusy) or self._now_ns() >= until_ns:
                    self._say(f"{_UNSTORED}: {error}")
                    break
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
