"""Made-up histories, planned and written as a tape that can be looked into."""

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

from execdb.livereplay.planning.plan import Plan
from execdb.livereplay.planning.times import at_pace
from execdb.livereplay.prepare import Prepared, emitted, plan_of
from execdb.livereplay.tape.stub import BASE
from execdb.livereplay.tape.tape import DATA, ENTRY_BYTES, NUMBERS
from execdb.store.event import Event
from tests.conftest import an_event


def some(number: int, *argv: str, parent: int | None = None, **changes: Any) -> Event:
    """Number N begins N ms after START_NS as pid 1000 + N, and exits with 0 after 500 us."""
    name = argv[0] if argv else "true"
    known: dict[str, Any] = {
        "filename": f"/usr/bin/{name}", "comm": name, "argv": argv or (name,), "parent_id": parent,
        "ended": "exit", "exit_code": 0, "duration_ns": 500_000, "id": number,
    }  # fmt: skip
    return an_event(number, **(known | changes))


class Memory:
    """The file of a tape."""

    def __init__(self) -> None:
        self.parts: dict[int, bytearray] = {0: bytearray(), DATA: bytearray()}

    def write(self, at: int, raw: bytes) -> None:
        base = DATA if at >= DATA else 0
        part = self.parts[base]
        part.extend(bytes(max(0, at - base + len(raw) - len(part))))
        part[at - base : at - base + len(raw)] = raw


class Call(NamedTuple):
    """An entry: the name of the call, its arguments, and the entry where a child continues."""

    name: str
    arguments: tuple[int, ...]
    to: int | None


def prepared(
    rows: Sequence[Event],
    seen: Sequence[Event] = (),
    speed: float = 1.0,
    *,
    cgroups: bool = False,
) -> tuple[Prepared, list[Call], Memory]:
    ancestors = {each.id: each for each in seen}
    plan, paths = plan_of(rows, ancestors.get, lambda plan: at_pace(plan, speed), cgroups=cgroups)
    memory = Memory()
    made = emitted(plan, paths, rows, memory.write, users=True)
    return made, calls_of(memory, made.tape.machine), memory


def planned(rows: Sequence[Event], seen: Sequence[Event] = ()) -> Plan:
    return prepared(rows, seen)[0].plan


def calls_of(memory: Memory, machine: str) -> list[Call]:
    names = {number: name for name, number in NUMBERS[machine].items()}
    calls = []
    for at in range(0, len(memory.parts[0]), ENTRY_BYTES):
        number, *arguments, to = struct.unpack_from("<8Q", memory.parts[0], at)
        target = (to - BASE) // ENTRY_BYTES if to else None
        calls.append(Call(names[number], tuple(arguments), target))
    return calls
