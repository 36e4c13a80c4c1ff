"""Recorded bytes for `machine.c`: builds of GNU hello, as the kernel's programs hand them over."""

import struct
from collections.abc import Iterator
from pathlib import Path

from execdb.store.event import End, Exec, ImageKey
from tests.bench.workloads.fill import trace
from tests.bench.workloads.raw import raw_end, raw_exec
from tests.bench.workloads.synthetic import builds
from tests.collector.records import sample

_RECORDED = struct.Struct("=IIiI")  # struct recorded
_NUMBER = b"--number=000000000"
_DIGITS = 9


def write(path: Path, execs: int, cpus: int, *, unlike: bool) -> None:
    """So many execs, and their ends, on CPUs in no order. With `unlike` each exec has an argument
    more, which `machine.c` makes another one each time."""
    with path.open("wb") as file:
        file.writelines(_records(execs, cpus, unlike=unlike))


def _records(execs: int, cpus: int, *, unlike: bool) -> Iterator[bytes]:
    places: dict[ImageKey, int] = {}
    for place, event in enumerate(_in_order(execs)):
        number_at = 0
        if isinstance(event, Exec):
            raw = raw_exec(event, _NUMBER if unlike else None)
            of = -1 if event.parent is None else places.get(event.parent, -1)
            places[event.boot_ns, event.pid] = place
        else:
            raw, of = raw_end(event), places[event.image]
        whole = sample(raw.ljust(len(raw) + (4 - len(raw)) % 8, b"\0"))  # as perf pads it
        if unlike and isinstance(event, Exec):
            number_at = whole.rindex(_NUMBER) + len(_NUMBER) - _DIGITS
        yield _RECORDED.pack(_scattered(place) % cpus, len(whole), of, number_at) + whole


def _in_order(execs: int) -> list[Exec | End]:
    events = [event for batch in builds(trace(), execs) for part in batch for event in part]
    return sorted(events, key=lambda event: event.boot_ns)


def _scattered(number: int) -> int:
    return (number * 2_654_435_761 % 2**32) >> 13
