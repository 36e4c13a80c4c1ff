"""Hides secrets in arguments before anything is stored or shown, for `collect --redact`."""

from collections.abc import Sequence

from execdb.collector.interfaces import Sink
from execdb.store.account import Account, Counts
from execdb.store.bounded_cache import BoundedCache
from execdb.store.event import End, Exec, ImageKey, Start
from execdb.store.redaction.argv import redact_argv
from execdb.store.redaction.own_patterns import OwnPattern

_STARTS_MAX, _BYTES_MAX = 4_096, 2_000_000
_START_BYTES = 500  # what remembering a start takes besides the text of its arguments


class Redaction:
    """Gives execs without secrets. Equal starts stay one object, by which a sink knows them."""

    def __init__(self, own: Sequence[OwnPattern]) -> None:
        self._own = own
        # By identity, with the start itself, so that its id stays its own.
        self._known: BoundedCache[int, tuple[Start, Start]] = BoundedCache(_STARTS_MAX, _BYTES_MAX)

    def execs(self, execs: Sequence[Exec]) -> list[Exec]:
        return [each._replace(start=self._start(each.start)) for each in execs]

    def _start(self, start: Start) -> Start:
        known = self._known.get(id(start))
        if known is not None:
            return known[1]
        argv = redact_argv(start.command.argv, self._own)
        shown = start
        if argv != start.command.argv:
            shown = start._replace(command=start.command._replace(argv=argv))
        size_bytes = _START_BYTES + sum(map(len, start.command.argv))
        return self._known.keep(id(start), (start, shown), size_bytes)[1]


class RedactingSink:
    """A sink that gets no secrets, as long as there is a `redaction`."""

    def __init__(self, sink: Sink, redaction: Redaction | None) -> None:
        self._sink, self.redaction = sink, redaction
        self.finish = sink.finish

    def execs(self, execs: Sequence[Exec]) -> Sequence[Exec]:
        """The same without secrets."""
        return execs if self.redaction is None else self.redaction.execs(execs)

    def know(self, images: Sequence[Exec]) -> Sequence[ImageKey]:
        return self._sink.know(self.execs(images))

    def write(
        self, execs: Sequence[Exec], ends: Sequence[End], counts: Counts, account: Account
    ) -> Sequence[int]:
        return self._sink.write(self.execs(execs), ends, counts, account)
