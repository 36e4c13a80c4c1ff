"""The result of a replay, read from what the stubs wrote into the tape."""

import errno
import struct
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from execdb.livereplay.planning.plan import Kind
from execdb.livereplay.planning.times import in_order
from execdb.livereplay.prepare import Prepared
from execdb.livereplay.tape.emit import SLOT_BYTES
from execdb.livereplay.tape.stub import BASE
from execdb.livereplay.tape.tape import ENTRY_BYTES

_AT_ONCE = 1 << 20


@dataclass
class Result:
    """`late_ns` are sorted: how late each exec was that started. `failed` counts, by errno, those
    that were refused; the others were not reached."""

    planned: int = 0
    late_ns: "array[int]" = field(default_factory=lambda: array("q"))
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def started(self) -> int:
        return len(self.late_ns)

    def late_ms(self, share: float) -> float:
        """The lateness that this share of the execs did not exceed."""
        at = min(len(self.late_ns) - 1, int(len(self.late_ns) * share))
        return self.late_ns[at] / 1e6


def result_of(prepared: Prepared, start_ns: int, read: Callable[[int, int], bytes]) -> Result:
    """`read` gives bytes of the tape's file by offset and size."""
    plan, emitter = prepared.plan, prepared.emitter
    found, late_ns, window = Result(), array("q"), _Window(read)
    for node in range(1, len(plan)):
        if plan.kind[node] != Kind.IMAGE:
            continue
        found.planned += 1
        seconds, rest = struct.unpack("<qq", window.read(emitter.slot(node) - BASE, SLOT_BYTES))
        if seconds:
            late_ns.append(seconds * 10**9 + rest - start_ns - plan.begin_ns[node])
            continue
        (number,) = struct.unpack("<q", window.read(rest * ENTRY_BYTES, 8))
        if -4_096 < number < 0:
            found.failed[errno.errorcode.get(-number, str(-number))] += 1
    found.late_ns = array("q", in_order(late_ns))
    return found


class _Window:
    """Reads neighbouring bytes together."""

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        self._read = read
        self._parts: dict[int, bytes] = {}  # one of the entries, one of the data

    def read(self, at: int, size: int) -> bytes:
        number = at // _AT_ONCE
        if number not in self._parts:
            if len(self._parts) > 4:
                self._parts.pop(next(iter(self._parts)))
            self._parts[number] = self._read(number * _AT_ONCE, _AT_ONCE)
        first = at - number * _AT_ONCE
        raw = self._parts[number][first : first + size]
        return raw if len(raw) == size else self._read(at, size)
