"""From rows to a plan: which process each exec was, and who forked it.

A parent comes before its children, whatever a file claims, so that there are no circles. A history
without parents is planned by pids.
"""

from collections.abc import Callable, Iterable

from execdb.livereplay.planning.by_id import ById
from execdb.livereplay.planning.by_pid import ByPid
from execdb.livereplay.planning.plan import (
    INIT,
    NONE,
    ORPHAN,
    REPLACED,
    SIGNAL,
    TIME_MAX_NS,
    UNKNOWN,
    UNKNOWN_NS,
    Kind,
    Plan,
    Row,
)

_UNKNOWN_MAX = 10_000  # parents that are not among the rows


class Planner:
    """Makes a plan of rows, which come in order. `ancestor` finds a program that is not among them,
    by its id, or None."""

    def __init__(self, ancestor: Callable[[int], Row | None]) -> None:
        self.plan = Plan()
        self._ancestor_of = ancestor
        self._by_id = ById()
        self._of_pid = ByPid()  # the latest image, while no row has a parent
        self._forks = ByPid()  # the latest fork
        self._others: dict[tuple[str, int], int] = {}  # parents that are no rows
        self._boot_id: str | None = None
        self._shift_ns, self._linked = 0, False

    def take(self, rows: Iterable[Row]) -> Plan:
        """All rows. Returns the plan, whose times are still those of the history."""
        for row in rows:
            if row.boot_id != self._boot_id:
                self._new_boot(row)
            self._note(row, self._try(row) if row.errno else self._exec(row))
        self.plan.complete()
        return self.plan

    def _new_boot(self, row: Row) -> None:
        """Clocks and pids begin anew."""
        self._boot_id, self._shift_ns = row.boot_id, row.time_ns - row.boot_ns
        self._of_pid.clear()
        self._forks.clear()

    def _note(self, row: Row, node: int) -> None:
        plan = self.plan
        plan.of_row.append(node)
        self._by_id[row.id] = node
        if not row.errno and not self._linked:
            self._of_pid[row.pid] = node

    def _time(self, ns: int) -> int:
        return max(-TIME_MAX_NS, min(ns + self._shift_ns, TIME_MAX_NS))

    def _exec(self, row: Row) -> int:
        plan, at_ns = self.plan, self._time(row.boot_ns)
        parent = self._parent(row)
        before = parent if self._goes_on(parent, row) else self._fork_of(parent, row, at_ns)
        image = plan.become(before, Kind.IMAGE)
        plan.begin_ns[image] = plan.end_ns[before] = at_ns
        plan.status[image] = _status(row)
        plan.ends_known |= row.ended is not None
        if row.ended in ("exit", "signal") and row.duration_ns is not None:
            plan.end_ns[image] = self._time(row.boot_ns + max(0, row.duration_ns))
        return image

    def _try(self, row: Row) -> int:
        plan, parent = self.plan, self._parent(row)
        made_by = parent
        if plan.pid[parent] != row.pid or plan.then[parent] != NONE:
            made_by = self._fork_of(parent, row, self._time(row.boot_ns))
        node = plan.add_step(Kind.TRY, row.pid, made_by)
        plan.begin_ns[node] = self._time(row.boot_ns)
        plan.attempts += 1
        return node

    def _parent(self, row: Row) -> int:
        plan = self.plan
        self._linked |= row.parent_id is not None
        if row.parent_id is not None:
            found = self._by_id.get(row.parent_id)
            if found is not None and plan.kind[found] != Kind.TRY:
                return found
            return self._other(row.parent_id, row.ppid)
        if self._linked:
            return self._other(None, row.ppid)
        own = self._of_pid.get(row.pid)  # a history without parents: pids have to do
        if own is not None and plan.then[own] == NONE and self._has_parent(own, row.ppid):
            return own
        found = self._of_pid.get(row.ppid)
        return self._other(None, row.ppid) if found is None else found

    def _has_parent(self, node: int, ppid: int) -> bool:
        forker = self.plan.came_from[self.plan.process[node]]
        return forker != NONE and self.plan.pid[forker] == ppid

    def _other(self, number: int | None, ppid: int) -> int:
        """A parent that is not among the rows: seen before them, or unknown."""
        if number is None and ppid in (0, 1):
            return INIT
        key = ("id", number) if number is not None else ("ppid", ppid)
        if key in self._others:
            return self._others[key]
        if len(self._others) >= _UNKNOWN_MAX:
            return INIT
        above: list[tuple[tuple[str, int], Row]] = []
        told = self._ancestor_of(number) if number is not None else None
        while told is not None and told.pid != 1 and len(above) < _UNKNOWN_MAX:
            above.append((key, told))
            key = ("id", told.parent_id or 0)
            if told.parent_id is None or key in self._others or key in dict(above):
                break
            told = self._ancestor_of(told.parent_id)
        if not above:
            node = INIT if told is not None else self.plan.add_step(Kind.FORK, ppid, INIT)
            self._others[key] = node
            return node
        node = self._others.get(key, INIT)
        for key, told in reversed(above):
            node = self._others[key] = self._seen(told, node)
        return node

    def _seen(self, told: Row, above: int) -> int:
        plan = self.plan
        fork = plan.add_step(Kind.FORK, told.pid, above)
        node = plan.become(fork, Kind.SEEN)
        plan.begin_ns[node] = plan.end_ns[fork] = UNKNOWN_NS  # at the start
        plan.seen[node] = told
        return node

    def _goes_on(self, parent: int, row: Row) -> bool:
        """Whether the process of the parent became this row, instead of forking it."""
        plan = self.plan
        return (
            plan.kind[parent] == Kind.IMAGE
            and plan.pid[parent] == row.pid
            and plan.then[parent] == NONE
            and plan.status[parent] in (UNKNOWN, REPLACED)
        )

    def _fork_of(self, parent: int, row: Row, at_ns: int) -> int:
        """The process that is to become this row, or tries to."""
        plan = self.plan
        known = self._forks.get(row.pid)
        if known is not None and plan.then[known] == NONE and self._started_by(known, parent):
            return known
        orphan, forker = False, parent
        if row.ppid != plan.pid[parent]:
            if self._adopted(parent, row):
                end_ns = plan.end_ns[parent]
                lives = end_ns == UNKNOWN_NS or end_ns > at_ns or plan.then[parent] != NONE
                orphan = lives and parent != INIT
            else:
                forker = self._between(parent, row.ppid)
        fork = self._forks[row.pid] = plan.add_step(Kind.FORK, row.pid, forker)
        plan.flags[fork] |= ORPHAN if orphan else 0
        return fork

    def _between(self, parent: int, pid: int) -> int:
        """A fork of the parent that itself forked: a subshell."""
        plan, known = self.plan, self._forks.get(pid)
        if known is not None and plan.then[known] == NONE and self._started_by(known, parent):
            return known
        node = self._forks[pid] = plan.add_step(Kind.FORK, pid, parent)
        return node

    def _started_by(self, fork: int, parent: int) -> bool:
        """Whether it is a fork of that node, directly or by another fork."""
        forker = self.plan.came_from[fork]
        if forker == parent:
            return True
        is_fork = forker != NONE and self.plan.kind[forker] == Kind.FORK
        return is_fork and self.plan.came_from[forker] == parent

    def _adopted(self, parent: int, row: Row) -> bool:
        """Whether who forked it is gone: its parent is process 1, or an ancestor's."""
        if row.ppid in (0, 1):
            return True
        plan, up = self.plan, parent
        for _ in range(64):
            up = plan.came_from[plan.process[up]]
            if up == NONE:
                return False
            if plan.pid[up] == row.ppid and plan.is_image(up):
                return True
        return False


def _status(row: Row) -> int:
    if row.ended == "signal":
        return SIGNAL + (row.signal or 0)
    if row.ended == "exit":
        return row.exit_code or 0
    return REPLACED if row.ended == "exec" else UNKNOWN
