"""What was left out, read from the kernel's counters, and the intervals that become of it."""

import struct

from execdb.bpf.wire import EXEC_BUDGET
from execdb.collector.rules.filtered import FilteredCounts
from execdb.collector.rules.intervals import FilterIntervals
from execdb.collector.rules.slots import Slots
from execdb.store.account import FilterCause, FilteredBy

SECOND = 1_000_000_000
RULE, LIMIT = FilterCause.RULE, FilterCause.LIMIT


class Kernel:
    """Counters of two CPUs."""

    def __init__(self) -> None:
        self.filtered = dict.fromkeys(range(1_024), bytes(16))
        self.exec_budgets: dict[int, bytes] = {}
        self.slots = Slots()
        self.counts = FilteredCounts(self, self.slots)
        self.given: list[tuple[FilteredBy, int, int, int]] = []

    def look(self, total: int, now_ns: int, finish: bool = False) -> list[tuple[FilteredBy, int]]:
        self.given.clear()
        look = self.counts.finish if finish else self.counts.look
        look(total, now_ns, lambda *each: self.given.append(each))
        return [(by, count) for by, count, *_ in self.given]


def test_counts_are_given_to_rules_and_users_once() -> None:
    kernel = Kernel()
    slot = kernel.slots.give([7])[7]
    kernel.filtered[slot] = struct.pack("=QQ", 2, 3)
    kernel.exec_budgets[33] = EXEC_BUDGET.pack(0, 0, 11)
    by_rule, by_limit = FilteredBy(RULE, rule=7), FilteredBy(LIMIT, uid=33)
    assert kernel.look(16, 10 * SECOND) == [(by_rule, 5), (by_limit, 11)]
    assert kernel.look(16, 20 * SECOND) == []
    kernel.filtered[slot] = struct.pack("=QQ", 2, 4)
    assert kernel.look(17, 20 * SECOND + 1) == [(by_rule, 1)]
    assert kernel.given[0][2] >= 19 * SECOND  # nothing was left out until then
    assert kernel.look(18, 20 * SECOND + 2) == []  # too soon


def test_what_the_kernel_has_forgotten_is_counted_at_the_end() -> None:
    kernel = Kernel()
    kernel.exec_budgets[33] = EXEC_BUDGET.pack(0, 0, 11)
    kernel.look(11, 10 * SECOND)
    kernel.exec_budgets[33] = EXEC_BUDGET.pack(0, 0, 2)  # removed, and made again
    kernel.exec_budgets[34] = EXEC_BUDGET.pack(0, 0, 1)
    found = kernel.look(23, 20 * SECOND, finish=True)
    assert dict(found) == {
        FilteredBy(LIMIT, uid=33): 2, FilteredBy(LIMIT, uid=34): 1, FilteredBy(LIMIT): 9
    }  # fmt: skip


def test_intervals_of_rules_are_hours_and_of_limits_end_with_a_pause() -> None:
    warnings: list[str] = []
    intervals = FilterIntervals(warnings.append)
    rule, limit = FilteredBy(RULE, rule=7), FilteredBy(LIMIT, uid=33)
    for second in range(0, 7_200, 60):
        intervals.add(rule, 1, second * SECOND, (second + 1) * SECOND, 5)
    assert len(intervals.changed) == 2
    assert sum(each.filtered for each in intervals.changed) == 120
    assert intervals.changed[0].from_ns == 5
    intervals.kept()
    for second in (0, 5, 30):
        intervals.add(limit, 2, second * SECOND, (second + 1) * SECOND, 0)
    assert [each.filtered for each in intervals.changed] == [4, 2]
    assert [warning[:7] for warning in warnings] == ["uid 33 "] * 2
    assert (intervals.total, intervals.by_rule, intervals.by_limits) == (126, {7: 120}, 6)


def test_no_interval_crosses_a_clock_that_was_set() -> None:
    intervals = FilterIntervals(lambda _: None)
    rule = FilteredBy(RULE, rule=7)
    intervals.add(rule, 1, 0, SECOND, 0)
    intervals.end_all()
    intervals.add(rule, 1, SECOND, 2 * SECOND, -3_600 * SECOND)
    assert [each.filtered for each in intervals.changed] == [1, 1]


def test_thousands_of_users_over_a_limit_make_few_rows() -> None:
    warnings: list[str] = []
    intervals = FilterIntervals(warnings.append)
    rows: set[int] = set()
    for second in range(600):
        for uid in range(23 * second, 23 * (second + 1)):
            intervals.add(FilteredBy(LIMIT, uid=uid), 2, second * SECOND, (second + 1) * SECOND, 0)
        rows |= {each.number for each in intervals.changed}
        last = intervals.changed[-1]
        intervals.kept()
    assert len(rows) == 101
    assert len(warnings) == 100
    assert intervals.total == intervals.by_limits == 2 * 23 * 600
    assert (last.by, last.filtered) == (FilteredBy(LIMIT), 2 * (23 * 600 - 100))
