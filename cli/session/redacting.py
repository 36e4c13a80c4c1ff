"""Hides secrets in arguments before anything is stored or shown, for `collect --redact`."""

from collections.abc import Sequence

from execdb.collector.interfaces import Sink
from execdb.store.account import Account, Counts
from execdb.store.event import End, Exec, ImageKey, Start
from execdb.store.redaction.argv import redact_argv
from execdb.store.redaction.own_patterns import OwnPattern

_REMEMBERED_CHARS = 2_000_000
_EACH = 500  # characters that remembering a start takes besides its arguments


class Redaction:
    """Gives execs without secrets. Equal starts stay one object, by which a sink knows them."""

    def __init__(self, own: Sequence[OwnPattern]) -> None:
        self._own = own
        # By identity, with the start itself, so that its id stays its own.
        self._known: dict[int, tuple[Start, Start]] = {}
        self._chars = 0

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
        self._chars += _EACH + sum(map(len, start.command.argv))
        if self._chars > _REMEMBERED_CHARS:
            self._known.clear()
            self._chars = _EACH
        self._known[id(start)] = start, shown
        return shown


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
