"""Where each rule counts what it leaves out: one of the kernel's counters."""

from collections.abc import Iterable, Mapping

from execdb.bpf.wire import RULE_SLOTS


class Slots:
    """Gives each rule a counter. One that a rule has had is given away as late as possible, so
    that its last counts are read before."""

    def __init__(self) -> None:
        self._of: dict[int, int] = {}  # by number of the rule, the oldest first

    def give(self, numbers: Iterable[int]) -> Mapping[int, int]:
        """The slots of these rules, by number; no two have the same."""
        wanted = dict.fromkeys(numbers)
        for number in wanted:
            self._of[number] = self._of.pop(number, 0) or self._free(wanted)
        return {number: self._of[number] for number in wanted}

    def _free(self, wanted: Mapping[int, None]) -> int:
        if len(self._of) < RULE_SLOTS - 1:
            return len(self._of) + 1
        oldest = next(number for number in self._of if number not in wanted)
        return self._of.pop(oldest)

    def owners(self) -> Mapping[int, int]:
        """The rule of each slot that was given away, by slot."""
        return {slot: number for number, slot in self._of.items()}
