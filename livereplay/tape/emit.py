"""From a plan to a tape: what each process is to call.

Rows come a second time, in the same order; of each only what starts it is written then. Where one
part of the tape refers to another that is not yet written, the reference is filled in later: of a
plan no more than its columns, and of rows nothing, is kept in memory.
"""

import struct
from array import array
from collections import Counter

from execdb.livereplay.planning.plan import INIT, LEAD_NS, NONE, ORPHAN, WATCHED, Kind, Plan
from execdb.livereplay.planning.times import signal_of
from execdb.livereplay.tape.attempts import Attempts
from execdb.livereplay.tape.exec_calls import Starter, State
from execdb.livereplay.tape.links import Links
from execdb.livereplay.tape.tape import Tape

SIGCHLD, CLONE_VM, CLONE_VFORK, CLONE_PARENT_SETTID = 17, 0x100, 0x4000, 0x100000
CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID = 0x200000, 0x1000000
_BETWEEN = CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID
_FUTEX_WAIT, _FUTEX_WAKE = 0, 1
SLOT_BYTES = 16
_STATES_MAX = _NO_STATE = 0xFFFF
_NOBODY = 0x7FFF_FFFF  # a pid, until the right one stands there
_PR_SET_DUMPABLE, _PR_SET_NAME = 4, 15
# signal(7): what does not end a process, and what would leave a core.
_HARMLESS = {0, 17, 18, 19, 20, 21, 22, 23, 28, 32, 33, *range(65, 256)}
_CORES = {3, 4, 5, 6, 7, 8, 11, 24, 25, 31}


class TooManyStates(ValueError):
    """More than _STATES_MAX different users, directories and control groups."""


class Emitter:
    """Writes the tape. `inexact` counts, by reason, what will not be as it was recorded.

    At `slot` an image notes its start, {seconds, ns}; until then there is {0, the entry that starts
    it}."""

    def __init__(self, plan: Plan, tape: Tape, starter: Starter) -> None:
        self._plan, self._tape, self._starter = plan, tape, starter
        self.inexact: Counter[str] = starter.inexact
        count = len(plan)
        self._slots = tape.reserve(SLOT_BYTES * count)
        self._links = Links(tape, count)
        self._attempts = Attempts(tape, count if plan.attempts else 0)
        self._states = array("H", [_NO_STATE]) * count
        self._state_of: list[State] = [State(0, 0, 0, b"/", b"")]
        self._number_of: dict[State, int] = {self._state_of[0]: 0}
        self._states[INIT] = 0
        self._pause = tape.put(struct.pack("<qq", 1, 0), 8)

    def begin(self) -> int:
        """Writes what is no row: process 1, and what was seen before. The first entry."""
        start = self._tape.here()
        self._body(INIT)
        for node, told in self._plan.seen.items():
            self.image(node, told)
        return start

    def row(self, number: int, row: object) -> None:
        """What starts the row with that number, and what it does then."""
        node = self._plan.of_row[number]
        if self._plan.kind[node] == Kind.TRY:
            self._attempts.row(node, self._starter.attempt(row))
        else:
            self.image(node, row)

    def image(self, node: int, row: object) -> None:
        """The tail of what becomes this image, the exec, and all that the image does."""
        plan, tape = self._plan, self._tape
        before = plan.came_from[node]
        wanted = self._starter.state(row)
        at_ns = plan.begin_ns[node]
        if plan.kind[before] == Kind.FORK:
            self._links.begin(before)
            state = self._state(before)
            last_ns = self._steps(before, state)
            early = plan.first[before] == NONE
        else:
            self._links.begin(node)
            state, last_ns, early = self._state(before), plan.begin_ns[before], False
        if wanted.group is None:
            wanted = wanted._replace(group=state.group)
        if wanted != state:
            if not early and at_ns - LEAD_NS > last_ns:
                tape.until(at_ns - LEAD_NS)
            self._starter.become(state, wanted)
        self._remember(node, wanted)
        self._wait_for_children(before)
        entry, place = self._starter.start(row, at_ns)
        tape.word(self.slot(node) + 8, entry)
        tape.call("exit_group", 127)
        tape.set_environment(place, tape.here())
        self._body(node, self._starter.name_to_set(row))

    def _body(self, node: int, name: bytes | None = None) -> None:
        """What a node does from its beginning to its end, and all forks that never exec."""
        self._begin_image(node, name)
        waiting = [node]
        while waiting:
            current = waiting.pop()
            if current != node:
                self._links.begin(current)
            last_ns = self._steps(current, self._state(current))
            waiting += self._forks_without_exec(current)
            self._finish(current, last_ns)

    def _begin_image(self, node: int, name: bytes | None) -> None:
        plan, tape = self._plan, self._tape
        if not plan.is_image(node):
            return
        tape.call("clock_gettime", 1, self.slot(node))
        if name is not None:
            tape.call("prctl", _PR_SET_NAME, tape.text(name))
        if plan.flags[node] & WATCHED:
            tape.call("futex", self.slot(node), _FUTEX_WAKE, 1)

    def slot(self, node: int) -> int:
        """Its address."""
        return self._slots + SLOT_BYTES * node

    def _forks_without_exec(self, node: int) -> list[int]:
        plan = self._plan
        return [
            step
            for step in plan.steps(node)
            if plan.kind[step] == Kind.FORK and plan.then[step] == NONE
        ]

    # Steps

    def _steps(self, node: int, state: State) -> int:
        """All steps of a node, each at its time. The time of the last one."""
        plan, tape = self._plan, self._tape
        last_ns = plan.begin_ns[node] if plan.is_image(node) else NONE
        for step in sorted(plan.steps(node), key=plan.begin_ns.__getitem__):
            due_ns = plan.begin_ns[step]
            if node != INIT:
                due_ns = min(due_ns, plan.end_ns[node])
            if due_ns > last_ns:
                tape.until(due_ns)
                last_ns = due_ns
            if plan.kind[step] == Kind.TRY:
                self._attempts.make(step)
            else:
                self._remember(step, state)
                self._fork(node, step)
        return last_ns

    def _fork(self, node: int, child: int) -> None:
        plan, tape = self._plan, self._tape
        flags = SIGCHLD | CLONE_PARENT_SETTID
        if plan.flags[child] & ORPHAN:
            self._fork_orphan(child, flags)
            return
        execs_at_once = plan.first[child] == NONE and plan.then[child] != NONE
        if execs_at_once and (node == INIT or plan.end_ns[node] > plan.end_ns[child]):
            flags |= CLONE_VM | CLONE_VFORK
        entry = tape.call("clone", flags)
        self._links.clone(entry, child)
        self._links.lead(entry, child)

    def _fork_orphan(self, child: int, flags: int) -> None:
        """By a process between, which the child waits for until it is gone."""
        tape = self._tape
        gone = tape.put(bytes(8), 8)  # its pid, until it is gone
        ids = (gone, 0) if tape.machine == "x86_64" else (0, gone)
        between = tape.call("clone", SIGCHLD | _BETWEEN, 0, 0, *ids)
        over = tape.jump()
        tape.continue_at(between, tape.here())
        entry = tape.call("clone", flags)
        tape.call("exit_group", 0)
        tape.continue_at(entry, tape.here())
        wait = tape.call("futex", gone, _FUTEX_WAIT, 0, self._pause)
        tape.set_argument(between, 3, Tape.argument_at(wait, 3))
        self._links.lead(tape.jump(), child)
        self._links.clone(entry, child)
        tape.continue_at(over, tape.here())

    # The end

    def _finish(self, node: int, last_ns: int) -> None:
        plan, tape = self._plan, self._tape
        if node == INIT:
            tape.call("wait4", -1)
            tape.call("exit_group", 0)
            return
        if plan.then[node] != NONE:  # an image that execs: that part is written with its row
            self._links.lead(tape.jump(), plan.then[node])
            return
        self._wait_for_children(node)
        if plan.end_ns[node] > last_ns:
            tape.until(plan.end_ns[node])
        number = signal_of(plan.status[node])
        if number in _HARMLESS:
            self.inexact["a signal that ends nothing"] += 1
        elif number is not None:
            self._kill(node, number)
        tape.call("exit_group", plan.status[node] if number is None else 128 + number)

    def _wait_for_children(self, node: int) -> None:
        """clone returns a little before the child's exec is done: its parent is to be there."""
        plan = self._plan
        for step in plan.steps(node):
            image = plan.then[step] if plan.kind[step] == Kind.FORK else NONE
            if image != NONE and plan.flags[image] & WATCHED:
                self._tape.call("futex", self.slot(image), _FUTEX_WAIT, 0, self._pause)

    def _kill(self, node: int, number: int) -> None:
        tape = self._tape
        if number in _CORES:
            tape.call("prctl", _PR_SET_DUMPABLE, 0)
        entry = tape.call("kill", _NOBODY, number)
        self._links.kill(entry, self._plan.process_of(node))

    # Who and where

    def _state(self, node: int) -> State:
        """A fork has that of who forked it."""
        while self._states[node] == _NO_STATE and node != INIT:
            node = self._plan.came_from[node]
        return self._state_of[self._states[node]]

    def _remember(self, node: int, state: State) -> None:
        number = self._number_of.setdefault(state, len(self._state_of))
        if number == len(self._state_of):
            if number >= _STATES_MAX:
                raise TooManyStates
            self._state_of.append(state)
        self._states[node] = number
