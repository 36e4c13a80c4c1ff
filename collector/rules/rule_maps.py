"""Puts rules into the kernel's maps, so that programs see either the old ones or the new ones."""

import struct
from collections.abc import Callable, MutableMapping, Sequence
from typing import Protocol

from execdb.collector.rules.cgroups import CGROUPS_MAX, cgroup_folder, ids_of
from execdb.collector.rules.compile import (
    Pattern,
    Rule,
    RuleSet,
    compile_rules,
    set_bytes,
    text_entries,
    value_entries,
)
from execdb.collector.rules.reconcile import reconcile
from execdb.collector.rules.slots import Slots

_HALF = struct.Struct("=I")


class Maps(Protocol):
    """The maps of the rules, see bpf/c/rules.h."""

    @property
    def rule_sets(self) -> MutableMapping[int, bytes]: ...
    @property
    def rule_half(self) -> MutableMapping[int, bytes]: ...
    @property
    def rule_values(self) -> MutableMapping[bytes, bytes]: ...
    @property
    def rule_texts(self) -> MutableMapping[bytes, bytes]: ...


class RuleMaps:
    """Keeps the maps of the rules equal to the rules. `wait_for_programs` returns when every
    program that runs in the kernel has ended; `warn` is called if a pattern stands for too many
    control groups; `folder` finds them."""

    def __init__(
        self,
        maps: Maps,
        slots: Slots,
        wait_for_programs: Callable[[], None],
        warn: Callable[[str], None],
        folder: Callable[[], bytes | None] = cgroup_folder,
    ) -> None:
        self._maps, self._slots, self._wait, self._folder = maps, slots, wait_for_programs, folder
        self._warn = warn
        self._told: set[Pattern] = set()  # patterns that the user was warned of
        self._rules: Sequence[Rule] = ()
        self._set, self._half = RuleSet(), 0
        self._bytes = set_bytes(self._set, {})

    def put(self, rules: Sequence[Rule]) -> None:
        """From its return on, these rules decide. Raises OSError."""
        if list(rules) != list(self._rules):
            self._switch(rules, self._compiled(rules))
            self._rules = rules

    @property
    def name_cgroups(self) -> bool:
        """Whether any rule is about a control group."""
        return any("cgroup" in rule.patterns for rule in self._rules)

    def follow_cgroups(self) -> None:
        """A control group that was removed and made again has another id. Raises OSError."""
        if self.name_cgroups:
            compiled = self._compiled(self._rules)
            if compiled != self._set:
                self._switch(self._rules, compiled)

    def audit(self) -> bool:
        """Reverts what others have changed; whether there was anything. Raises OSError."""
        maps, half = self._maps, self._half
        sets = {half: self._bytes, 1 - half: maps.rule_sets[1 - half]}
        changed = [
            *reconcile(maps.rule_values, value_entries(self._set, half)),
            *reconcile(maps.rule_texts, text_entries(self._set, half)),
            *reconcile(maps.rule_sets, sets),
            *reconcile(maps.rule_half, {0: _HALF.pack(half)}),
        ]
        return bool(changed)

    def _compiled(self, rules: Sequence[Rule]) -> RuleSet:
        folder = self._folder()

        def found(pattern: Pattern) -> Sequence[int]:
            return self._some(pattern, ids_of(pattern, folder))

        return compile_rules(rules, found)

    def _some(self, pattern: Pattern, ids: Sequence[int]) -> Sequence[int]:
        """As many as a rule may have; once for each pattern it is said that there are more."""
        if len(ids) > CGROUPS_MAX and pattern not in self._told:
            self._told.add(pattern)
            self._warn(
                f"cgroup={pattern.raw.decode(errors='backslashreplace')}* stands for more than "
                f"{CGROUPS_MAX} control groups: the rule holds for {CGROUPS_MAX} of them; name "
                "the one above them"
            )
        return ids[:CGROUPS_MAX]

    def _switch(self, rules: Sequence[Rule], new: RuleSet) -> None:
        maps, half, old = self._maps, 1 - self._half, self._half
        values, texts = value_entries(new, half), text_entries(new, half)
        reconcile(maps.rule_values, values | value_entries(self._set, old))
        reconcile(maps.rule_texts, texts | text_entries(self._set, old))
        self._bytes = set_bytes(new, self._slots.give(new.numbers))
        maps.rule_sets[half] = self._bytes
        maps.rule_half[0] = _HALF.pack(half)
        self._set, self._half = new, half
        self._wait()  # programs that still use the other half
        reconcile(maps.rule_values, values)
        reconcile(maps.rule_texts, texts)
