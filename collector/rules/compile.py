"""Rules as the kernel's maps hold them: see bpf/c/rules.h. Pure."""

import struct
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from execdb.bpf.wire import (
    RULE_BITS,
    RULE_FIELDS,
    RULE_SET,
    RULE_TEXT,
    RULE_UIDS,
    RULE_VALUE,
    RULES_MAX,
)

_TEXTS = ("comm", "filename")
_BITS = struct.Struct("=Q")


class Pattern(Protocol):
    """Exactly these bytes, or with `prefix` all that begins with them."""

    @property
    def raw(self) -> bytes: ...
    @property
    def prefix(self) -> bool: ...


class Rule(Protocol):
    """A rule of the config. For each field that it asks for: the uids (None: no login uid), or the
    patterns, of which one must be there."""

    @property
    def number(self) -> int: ...
    @property
    def ignores(self) -> bool: ...
    @property
    def numbers(self) -> Mapping[str, Sequence[int | None]]: ...
    @property
    def patterns(self) -> Mapping[str, Sequence[Pattern]]: ...


@dataclass(frozen=True)
class RuleSet:
    """Rules in order: the first one is the lowest bit. `values` has the rules that a value of a
    field satisfies; `texts` those that a text satisfies which begins with these bytes, a NUL
    included where nothing may follow. `no_login` are rules that no login uid satisfies;
    `levels` has a bit for each depth below the root at which there is a control group that a rule
    asks for."""

    numbers: tuple[int, ...] = ()
    ignored: int = 0
    unasked: tuple[int, ...] = (0,) * len(RULE_FIELDS)
    values: Mapping[tuple[str, int], int] = field(default_factory=dict)
    texts: Mapping[tuple[str, bytes], int] = field(default_factory=dict)
    no_login: int = 0
    levels: int = 0


def compile_rules(rules: Sequence[Rule], ids_of: Callable[[Pattern], Sequence[int]]) -> RuleSet:
    """`ids_of` gives the ids of the control groups with a path."""
    values: defaultdict[tuple[str, int], int] = defaultdict(int)
    texts: defaultdict[tuple[str, bytes], int] = defaultdict(int)
    unasked = dict.fromkeys(RULE_FIELDS, 0)
    ignored = no_login = levels = 0
    for number, rule in enumerate(rules):
        bit = 1 << number
        ignored |= bit * rule.ignores
        for name in RULE_FIELDS:
            if name not in rule.numbers and name not in rule.patterns:
                unasked[name] |= bit
        for name, wanted in rule.numbers.items():
            for value in wanted:
                if value is None:
                    no_login |= bit
                else:
                    values[name, value] |= bit
        for name, patterns in rule.patterns.items():
            for pattern in patterns:
                if name in _TEXTS:
                    texts[name, pattern.raw + b"\0" * (not pattern.prefix)] |= bit
                else:
                    for id_ in ids_of(pattern):
                        values[name, id_] |= bit
                        levels |= 1 << _level_of(pattern)
    numbers = tuple(rule.number for rule in rules)
    return RuleSet(
        numbers, ignored, tuple(unasked.values()), values, _with_shorter(texts), no_login, levels
    )


def _level_of(pattern: Pattern) -> int:
    """How far below the root the control groups are that a pattern names; 0: it is the root."""
    return 0 if pattern.raw in (b"", b"/") else pattern.raw.count(b"/")


def _with_shorter(texts: Mapping[tuple[str, bytes], int]) -> dict[tuple[str, bytes], int]:
    """A look-up finds the longest text only: so each one has the bits of those it begins with."""
    found: dict[tuple[str, bytes], int] = {}
    for name, text in texts:
        found[name, text] = 0
        for length in range(len(text) + 1):
            found[name, text] |= texts.get((name, text[:length]), 0)
    return found


def set_bytes(rules: RuleSet, slots: Mapping[int, int]) -> bytes:
    """A value of `rule_sets`. `slots` says where each rule counts, by its number."""
    places = [slots[number] for number in rules.numbers]
    places += [0] * (RULES_MAX - len(places))
    used = (1 << len(rules.numbers)) - 1
    return RULE_SET.pack(*rules.unasked, used, rules.ignored, rules.no_login, rules.levels, *places)


def value_entries(rules: RuleSet, half: int) -> dict[bytes, bytes]:
    """What `rule_values` holds of a set in this half."""
    found: defaultdict[bytes, list[int]] = defaultdict(lambda: [0] * len(RULE_UIDS))
    for (name, value), bits in rules.values.items():
        key = RULE_VALUE.pack(value, name not in RULE_UIDS, half)
        found[key][RULE_UIDS.index(name) if name in RULE_UIDS else 0] = bits
    return {key: RULE_BITS.pack(*bits) for key, bits in found.items()}


def text_entries(rules: RuleSet, half: int) -> dict[bytes, bytes]:
    """What `rule_texts` holds of a set in this half."""
    return {
        text_key(RULE_FIELDS.index(name) * 2 + half, text): _BITS.pack(bits)
        for (name, text), bits in rules.texts.items()
    }


def text_key(where: int, text: bytes) -> bytes:
    """A key of `rule_texts`."""
    return RULE_TEXT.pack(8 * (1 + len(text)), where, text)
