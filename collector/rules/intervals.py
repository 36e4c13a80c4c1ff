"""When and why execs were left out on purpose. Pure: boot time in, wall-clock time out."""

from collections import Counter
from collections.abc import Callable

from execdb.store.account import FilterCause, Filtered, FilteredBy

# What a rule leaves out is one interval for so long, unless it pauses for longer than that: few
# rows in the file, and still a time of day.
_RULE_PAUSE_NS, _RULE_LENGTH_NS = 600_000_000_000, 3_600_000_000_000
_LIMIT_PAUSE_NS = 10_000_000_000  # likewise of a limit; after it there is another warning
# Of more users over a limit in that time the others are counted together, without a uid: each is a
# row in the file and a warning, and who may make user namespaces has thousands of uids.
_USERS_MAX, _USERS_NS = 100, 600_000_000_000
_REMEMBERED = 4_096  # intervals that may continue


class FilterIntervals:
    """Counts what was left out, by what. Calls `warn` when a limit begins to. `changed` is what the
    database does not have yet; call `kept` after it was stored."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self.total = 0
        self.by_rule: Counter[int] = Counter()
        self.by_limits = 0
        self._warn = warn
        self._latest: dict[FilteredBy, _Interval] = {}
        self._changed: dict[int, _Interval] = {}
        self._number = 0
        self._users, self._users_since_ns = 0, 0

    def add(self, by: FilteredBy, count: int, from_ns: int, to_ns: int, offset_ns: int) -> None:
        """So many execs between two boot times; the wall clock is `offset_ns` later."""
        self.total += count
        if by.rule is None:
            self.by_limits += count
        else:
            self.by_rule[by.rule] += count
        last = self._latest.pop(by, None)
        begins = last is None or not last.continues(by.cause, from_ns)
        if begins and by.uid is not None and self._is_one_too_many(from_ns):
            by = FilteredBy(by.cause)
            last = self._latest.pop(by, None)
        if last is None or not last.continues(by.cause, from_ns):
            if by.cause is FilterCause.LIMIT and by.uid is not None:
                self._tell(by.uid, last, from_ns)
            self._number += 1
            last = _Interval(self._number, by, from_ns, from_ns + offset_ns)
        last.extend(count, to_ns, offset_ns)
        self._latest[by] = self._changed[last.number] = last
        if len(self._latest) > _REMEMBERED:
            del self._latest[next(iter(self._latest))]

    def _is_one_too_many(self, from_ns: int) -> bool:
        """Whether so many intervals of users have begun that this one gets none of its own."""
        if from_ns - self._users_since_ns >= _USERS_NS:
            self._users, self._users_since_ns = 0, from_ns
        self._users += 1
        return self._users > _USERS_MAX

    def _tell(self, uid: int, last: "_Interval | None", from_ns: int) -> None:
        if last is None or from_ns - last.to_boot_ns > _LIMIT_PAUSE_NS:
            self._warn(
                f"uid {uid} starts more programs than its limit: what is beyond it is counted, not "
                "recorded (execdb config limit)"
            )

    def end_all(self) -> None:
        """The wall clock was set: no interval continues."""
        self._latest.clear()

    @property
    def changed(self) -> list[Filtered]:
        return [interval.filtered for interval in self._changed.values()]

    def kept(self) -> None:
        """What had changed was stored."""
        self._changed.clear()


class _Interval:
    def __init__(self, number: int, by: FilteredBy, from_boot_ns: int, from_ns: int) -> None:
        self.number, self._by, self._from_ns = number, by, from_ns
        self._begun_boot_ns = self.to_boot_ns = from_boot_ns
        self._to_ns = from_ns
        self._count = 0

    def continues(self, cause: FilterCause, from_boot_ns: int) -> bool:
        """Whether what begins now is part of this one."""
        pause_ns = from_boot_ns - self.to_boot_ns
        if cause is FilterCause.LIMIT:
            return pause_ns <= _LIMIT_PAUSE_NS
        length_ns = from_boot_ns - self._begun_boot_ns
        return pause_ns <= _RULE_PAUSE_NS and length_ns <= _RULE_LENGTH_NS

    def extend(self, count: int, to_boot_ns: int, offset_ns: int) -> None:
        self._count += count
        self.to_boot_ns = max(self.to_boot_ns, to_boot_ns)
        self._to_ns = max(self._to_ns, to_boot_ns + offset_ns)

    @property
    def filtered(self) -> Filtered:
        return Filtered(self.number, self._by, self._from_ns, self._to_ns, self._count)
