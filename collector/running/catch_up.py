"""Lets a recording catch up with the programs that run already, which are parents as well.

They are looked for three times: before the kernel follows anything, when there is time; once the
kernel follows forks, so that each process is known from here or from the kernel before the first
exec is recorded; and while recording, for what has exec'd in between. No error here ends a
recording.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Protocol, TypeVar

from execdb.store.errors import DatabaseBusy, DatabaseError
from execdb.store.event import Exec, ImageKey

T = TypeVar("T")
_LOOKS = 2  # the second one, which is quick, finds what began or exec'd during the first
_BEFORE_NS = 3_000_000_000  # after this recording begins, however many programs run
_BETWEEN_NS = 1_000_000_000


class RunningPrograms(Protocol):
    """`look` gives slices of what is new since the last look; `lack` says why it cannot find all.
    After `forget` there is no further look."""

    @property
    def lack(self) -> str | None: ...
    def look(self) -> Iterator[Sequence[Exec]]: ...
    def forget(self) -> None: ...


class Source(Protocol):
    """`follow` tells the kernel of an image before it follows forks; `adopt` does so afterwards,
    but returns False if the kernel has seen a later image of that process. Both raise OSError."""

    def follow(self, image: ImageKey) -> None: ...
    def adopt(self, image: ImageKey) -> bool: ...


class Sink(Protocol):
    """`know` stores images that ran before, in one transaction, and returns the keys by which
    children and ends will refer to them."""

    def know(self, images: Sequence[Exec]) -> Sequence[ImageKey]: ...


class CatchUp:
    """`may_store` says whether there is room to store them; `now_ns` is any clock; `warn` tells the
    user, once for each problem."""

    def __init__(
        self,
        running: RunningPrograms,
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
        """To be called before forks are followed. What it has no time for is left to `after`."""
        if self._running.lack is not None:
            self._say(self._running.lack)
        until_ns = self._now_ns() + _BEFORE_NS
        for _ in range(_LOOKS):
            for images in self._running.look():
                for key in self._known(images, until_ns):
                    self._followed(partial(self._source.follow, key))
                if self._now_ns() >= until_ns:
                    return

    def between(self) -> None:
        """To be called once forks are followed, before execs are recorded."""
        until_ns = self._now_ns() + _BETWEEN_NS
        for images in self._running.look():
            self._adopt(images, until_ns)
            if self._now_ns() >= until_ns:
                return

    def after(self, step: Callable[[], None], stopped: Callable[[], bool]) -> None:
        """To be called once execs are recorded; `step` empties the rings in between."""
        for images in self._running.look():
            self._adopt(images)
            step()
            if stopped():
                break
        self._running.forget()

    def _adopt(self, images: Sequence[Exec], until_ns: int = 0) -> None:
        adopt = self._source.adopt
        ours = [i for i in images if self._followed(partial(adopt, (i.boot_ns, i.pid)))]
        for key in self._known(ours, until_ns):
            self._followed(partial(adopt, key))  # by the key of its row, if that differs

    def _known(self, images: Sequence[Exec], until_ns: int) -> Sequence[ImageKey]:
        """Stores them and returns their keys. Tries until `until_ns` while another program holds
        the lock. Without a row nothing may refer to them: then there are no keys."""
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


_UNSTORED = "programs that run already could not be stored and are missing as parents"
