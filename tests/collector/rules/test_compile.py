"""What the kernel's maps hold of rules decides, looked up as the program does, as the rules do."""

import struct
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from execdb.bpf.wire import RULE_BITS, RULE_FIELDS, RULE_SET, RULE_TEXT, RULE_VALUE
from execdb.collector.rules.compile import (
    Pattern,
    RuleSet,
    compile_rules,
    set_bytes,
    text_entries,
    value_entries,
)
from execdb.store.config.rule import Action, Rule, decide, make_rule
from execdb.store.terms.parse import Reader
from execdb.store.terms.users import uid_of

READER = Reader(uid_of, int)
CGROUPS = {"/": 1, "/a": 2, "/a/b": 3, "/ab": 4}
TEXTS = st.sampled_from(["a", "ab", "abc", "b", "é", "", "x" * 15])


def ids_of(pattern: Pattern) -> Sequence[int]:
    return [
        id_
        for path, id_ in CGROUPS.items()
        if (path.encode().startswith if pattern.prefix else path.encode().__eq__)(pattern.raw)
        and (path == "/" or path.count("/") == pattern.raw.count(b"/"))
    ]


def values(field: str) -> st.SearchStrategy[str]:
    if field in ("uid", "euid"):
        return st.sampled_from(["0", "7"])
    if field == "loginuid":
        return st.sampled_from(["0", "null"])
    if field == "cgroup":
        return st.sampled_from(["/", "/a", "/a/b", "/a*", "/a/*", "/gone"])
    return st.tuples(TEXTS, st.sampled_from(["", "*"])).map("".join)


def terms(field: str) -> st.SearchStrategy[str]:
    return st.lists(values(field), min_size=1, max_size=3).map(lambda v: f"{field}={','.join(v)}")


FIELDS = st.lists(st.sampled_from(RULE_FIELDS), unique=True, max_size=3)
RULES = st.lists(
    st.tuples(
        st.sampled_from(Action),
        FIELDS.flatmap(lambda fields: st.tuples(*map(terms, fields))),
    ),
    max_size=64,
).map(lambda rules: [make_rule(n, a, READER.terms(t)) for n, (a, t) in enumerate(rules, 1)])
EVENTS = st.fixed_dictionaries(
    {
        "uid": st.sampled_from([0, 7, 8]), "euid": st.sampled_from([0, 7]),
        "loginuid": st.sampled_from([0, 7, None]), "comm": TEXTS, "filename": TEXTS,
        "cgroup": st.sampled_from(sorted(CGROUPS)),
    }
)  # fmt: skip


def bits_of(compiled: RuleSet, field: str, event: dict[str, Any], half: int) -> int:
    """What rules.h finds for a field."""
    place = RULE_FIELDS.index(field)
    if field in ("comm", "filename"):
        key, found = event[field].encode() + b"\0", 0
        longest = -1
        for raw, bits in text_entries(compiled, half).items():
            length, where, text = RULE_TEXT.unpack(raw)
            size = length // 8 - 1
            if where == place * 2 + half and key[:size] == text[:size] and size > longest:
                longest, found = size, struct.unpack("=Q", bits)[0]
        return found
    if event[field] is None:
        return compiled.no_login
    numbers, at = [event[field]], place
    if field == "cgroup":
        below, at = f"{event[field]}/", 0
        numbers = [
            id_
            for path, id_ in CGROUPS.items()
            if below.startswith(path.rstrip("/") + "/")
            and compiled.levels >> (path.count("/") if path != "/" else 0) & 1
        ]
    entries, found = value_entries(compiled, half), 0
    for number in numbers:
        key = RULE_VALUE.pack(number, field == "cgroup", half)
        found |= RULE_BITS.unpack(entries.get(key, bytes(RULE_BITS.size)))[at]
    return found


@given(RULES, EVENTS, st.sampled_from([0, 1]))
def test_looked_up_as_the_program_does_it_decides_as_the_rules_do(
    rules: list[Rule], event: dict[str, Any], half: int
) -> None:
    compiled = compile_rules(rules, ids_of)
    packed = set_bytes(compiled, {r.number: 1 for r in rules})
    *unasked, left, ignored = RULE_SET.unpack(packed)[:8]
    for field, mask in zip(RULE_FIELDS, unasked, strict=True):
        left &= mask | bits_of(compiled, field, event, half)
    bit = left & -left
    wanted = decide(rules, event)
    assert bit == (1 << rules.index(wanted) if wanted is not None else 0)
    assert bool(bit & ignored) is (wanted is not None and wanted.ignores)
