"""Reads from the kernel what rules and limits have left out, for the ledger."""

import contextlib
import struct
from collections.abc import Callable, Mapping
from typing import Protocol

from execdb.bpf.wire import EXEC_BUDGET
from execdb.collector.rules.slots import Slots
from execdb.store.account import FilterCause, FilteredBy

_LOOK_NS = 1_000_000_000  # how often it is read, if something was left out

Add = Callable[[FilteredBy, int, int, int], None]  # by what, how many, from and to (boot time)


class Maps(Protocol):
    """The kernel's counters: `filtered` by slot, one number for each CPU; `exec_budgets` by uid."""

    @property
    def filtered(self) -> Mapping[int, bytes]: ...
    @property
    def exec_budgets(self) -> Mapping[int, bytes]: ...


class FilteredCounts:
    """What was left out since the last look."""

    def __init__(self, maps: Maps, slots: Slots) -> None:
        self._maps, self._slots = maps, slots
        self._by_slot: dict[int, int] = {}
        self._by_uid: dict[int, int] = {}
        self._counted = 0  # of the kernel's total, how many were given to `add`
        self._total, self._looked_ns = 0, 0

    def begin(self, now_ns: int) -> None:
        """What was left out until now counts for nothing; neither is it in `total` from now on."""
        self._read(0, now_ns, lambda by, count, from_ns, to_ns: None)
        self._counted = 0

    def look(self, total: int, now_ns: int, add: Add) -> None:
        """`total` is the kernel's count of all that was left out. Calls `add` for each rule and
        each user, unless this was done a moment ago."""
        if total != self._total and now_ns - self._looked_ns >= _LOOK_NS:
            self._read(total, now_ns, add)
        elif total == self._total:
            self._looked_ns = max(self._looked_ns, now_ns - _LOOK_NS)

    def finish(self, total: int, now_ns: int, add: Add) -> None:
        """The same at the end, when no program runs any more. What the kernel has forgotten (of
        thousands of users with limits it remembers the latest) is counted without a uid."""
        self._read(total, now_ns, add)
        if total > self._counted:
            self._give(FilteredBy(FilterCause.LIMIT), total - self._counted, now_ns, add)

    def _read(self, total: int, now_ns: int, add: Add) -> None:
        for slot, number in self._slots.owners().items():
            count = sum(each for (each,) in struct.iter_unpack("=Q", self._maps.filtered[slot]))
            more, self._by_slot[slot] = count - self._by_slot.get(slot, 0), count
            self._give(FilteredBy(FilterCause.RULE, rule=number), more, now_ns, add)
        by_uid: dict[int, int] = {}
        for uid in list(self._maps.exec_budgets):
            with contextlib.suppress(KeyError):  # the kernel has removed it meanwhile
                by_uid[uid] = EXEC_BUDGET.unpack(self._maps.exec_budgets[uid])[2]
        for uid, count in by_uid.items():
            before = self._by_uid.get(uid, 0)
            more = count - before if count >= before else count  # removed and made again
            self._give(FilteredBy(FilterCause.LIMIT, uid=uid), more, now_ns, add)
        self._by_uid = by_uid
        self._total, self._looked_ns = total, now_ns

    def _give(self, by: FilteredBy, more: int, now_ns: int, add: Add) -> None:
        if more > 0:
            self._counted += more
            add(by, more, self._looked_ns, now_ns)
