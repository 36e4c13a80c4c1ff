"""Tells which lines of a file come from the same database, so that an id means one row.

Exports may be concatenated, and every database counts its ids from 1. Nothing in a line names its
database. But within a database the ids of a boot ascend with time. Two lines of a boot in which
they do not are of two databases (or of one whose ids are meaningless). A parent is looked up among
the lines of the same source. In another source a row is accepted only if its pid is the child's own
or its parent's.
"""

from collections.abc import Sequence
from itertools import count
from typing import Any

from execdb.store.errors import BadEvent
from execdb.store.importing.imported import Boot, Imported

BOOTS_MAX = 50_000  # of one file

Line = tuple[Any, ...]  # the fields of an Imported, and its source


_Id = tuple[int, int, int]  # id, boot_ns, pid


class _Stream:
    """The lines of one boot so far: their source, and of this source the line with the least id,
    the one with the greatest id, and the last one."""

    __slots__ = ("high", "last", "low", "source")

    def __init__(self, source: int) -> None:
        self.source = source
        self.low: _Id | None = None
        self.high: _Id
        self.last: _Id

    def takes(self, line: _Id) -> bool:
        """Whether a line may be of the same source; if so, it is now the last one."""
        number, boot_ns, _ = line
        if self.low is None:
            self.low = self.high = line
        elif number > self.high[0]:
            if boot_ns < self.high[1]:
                return False
            self.high = line
        elif number < self.low[0]:
            if boot_ns > self.low[1]:
                return False
            self.low = line
        elif not all(_agree(line, other) for other in (self.last, self.low, self.high)):
            return False
        self.last = line
        return True

    def begin(self, source: int, line: _Id) -> None:
        self.source = source
        self.low = self.high = self.last = line


class Sources:
    """Numbers the sources of a file, given its lines in order."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._streams: dict[Boot, _Stream] = {}

    def numbered(self, items: Sequence[Imported], before: int) -> list[Line]:
        """These lines, each with the number of its source. `before` is the number of lines before
        them. Raises BadEvent if the file has more than BOOTS_MAX boots."""
        source = self._source_of_all(items)
        if source is not None:
            return [(*item, source) for item in items]
        lines: list[Line] = []
        for number, item in enumerate(items, before + 1):
            lines.append((*item, self._of(item, number)))
        return lines

    def _source_of_all(self, items: Sequence[Imported]) -> int | None:
        """The source of lines that are all of one boot and continue the lines before them, as in
        one export; None if the lines must be examined one by one."""
        stream = self._streams.get(items[0].boot) if items else None
        if stream is None or len({id(item.boot) for item in items}) > 1:
            return None
        ids = [item.id for item in items if item.id is not None]
        moments = [item.boot_ns for item in items]
        if not ids:
            return stream.source
        if stream.low is None or len(set(ids)) < len(items):
            return None
        follow = ids[0] > stream.high[0] and moments[0] >= stream.high[1]
        if not follow or sorted(ids) != ids or sorted(moments) != moments:
            return None
        stream.high = stream.last = ids[-1], moments[-1], items[-1].pid
        return stream.source

    def _of(self, item: Imported, number: int) -> int:
        stream = self._streams.get(item.boot)
        if stream is None:
            if len(self._streams) >= BOOTS_MAX:
                raise BadEvent(
                    f"line {number}: more than {BOOTS_MAX} boots in one file: import it in parts"
                )
            stream = self._streams[item.boot] = _Stream(next(self._numbers))
        if item.id is not None:
            line = item.id, item.boot_ns, item.pid
            if not stream.takes(line):
                stream.begin(next(self._numbers), line)
        return stream.source


def _agree(one: _Id, other: _Id) -> bool:
    """Whether both may be of one database, in which the later line has the greater id."""
    if one[0] == other[0]:
        return one == other
    return one[1] == other[1] or (one[0] < other[0]) == (one[1] < other[1])
