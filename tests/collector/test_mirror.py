"""The map becomes equal to the table, with as few writes as that takes. A dict is the map."""

import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.bpf.wire import RULE_SET
from execdb.collector.mirror import message_bytes
from execdb.collector.rules.reconcile import reconcile
from execdb.store.config.limit import Limit
from execdb.store.config.rule import Action, make_rule
from execdb.store.terms.parse import Reader
from execdb.store.terms.users import uid_of
from tests.collector.mirror_desk import Desk, WrittenDown

READER = Reader(uid_of, int)
ENTRIES = st.dictionaries(st.integers(0, 13), st.sampled_from([b"a", b"b", b"c"]))


@given(ENTRIES, ENTRIES)
def test_reconciling_makes_them_equal_and_writes_only_what_differs(
    present: dict[int, bytes], wanted: dict[int, bytes]
) -> None:
    kernel = WrittenDown(present)
    changed = reconcile(kernel, wanted)
    assert kernel == wanted
    assert sorted(key for _, key in kernel.done) == sorted(
        key for key in present.keys() | wanted.keys() if present.get(key) != wanted.get(key)
    )
    assert sorted(changed) == sorted(key for _, key in kernel.done)


@given(ENTRIES, ENTRIES)
def test_deletions_come_first(present: dict[int, bytes], wanted: dict[int, bytes]) -> None:
    kernel = WrittenDown(present)
    reconcile(kernel, wanted)
    kinds = [kind for kind, _ in kernel.done]
    assert kinds == sorted(kinds)


def test_a_message_fills_its_twelve_bytes() -> None:
    assert message_bytes("Hey root!") == b"Hey root!\0\0\0"
    assert message_bytes("Hi user 501!") == b"Hi user 501!"
    assert message_bytes("") == bytes(12)
    assert message_bytes("é" * 6) == "é".encode() * 6


def test_the_first_update_fills_the_map_and_the_default() -> None:
    desk = Desk({0: "Hey root!", 501: "Hi user 501!"})
    desk.mirror.update(1_009.0)
    assert desk.config == {0: b"Hey root!\0\0\0", 501: b"Hi user 501!"}
    assert desk.fallback == {0: b"Hello" + bytes(7)}
    assert desk.table.confirmed == [1]
    assert desk.warnings == []


def test_a_change_is_followed_and_confirmed_at_once() -> None:
    desk = Desk({0: "old", 7: "gone"})
    desk.mirror.update(0.0)
    desk.table.put(2, {0: "new"}, default="Moin")
    desk.mirror.update(0.1)
    assert desk.config == {0: b"new" + bytes(9)}
    assert desk.fallback == {0: b"Moin" + bytes(8)}
    assert desk.table.confirmed == [1, 2]


def test_the_map_is_written_before_the_generation_is_confirmed() -> None:
    desk = Desk({0: "a"})
    at_confirmation: list[dict[int, bytes]] = []
    desk.table.confirm = lambda generation: at_confirmation.append(dict(desk.config))  # type: ignore[method-assign]
    desk.mirror.update(0.0)
    assert at_confirmation == [{0: b"a" + bytes(11)}]


@pytest.mark.parametrize(("number", "stored"), [(7, 7), (-1, 0), (1 << 32, 0)])
def test_the_generation_follows_the_messages_that_it_counts(number: int, stored: int) -> None:
    """0 for one that no counting reaches."""
    desk, configs = Desk({0: "a"}), []
    desk.generation.before_set = lambda: configs.append(dict(desk.config))
    for generation, message in ((5, "a"), (number, "b"), (3, "b")):
        desk.table.put(generation, {0: message})
        desk.mirror.update(0.0)
        numbers = {5: 5, 3: 3} | {number: stored}
        assert desk.generation == {0: numbers[generation].to_bytes(4, sys.byteorder)}
    assert configs == [{0: text + bytes(11)} for text in (b"a", b"b", b"b")]


def test_a_generation_already_in_the_kernel_is_not_written_again() -> None:
    desk = Desk({0: "a", 501: "b"})
    desk.mirror.update(0.0)
    desk.config.done.clear()
    desk.table.touched = True  # someone wrote to the file, but not to the config
    desk.mirror.update(0.1)
    desk.mirror.update(100.0)
    assert desk.config.done == []
    assert desk.table.confirmed == [1]


def test_a_change_behind_its_back_is_put_right_and_told() -> None:
    desk = Desk({0: "a", 501: "b"})
    desk.mirror.update(100.0)
    desk.config[0] = b"x" * 12
    del desk.config[501]
    desk.config[1_009] = b"y" * 12
    desk.mirror.update(100.1)
    assert desk.warnings == []  # looking takes a system call an entry: not every time
    desk.mirror.update(105.0)
    assert desk.config == {0: b"a" + bytes(11), 501: b"b" + bytes(11)}
    assert len(desk.warnings) == 1
    assert "501" in desk.warnings[0]
    assert "1009" in desk.warnings[0]
    desk.mirror.update(110.0)
    assert len(desk.warnings) == 1


def test_a_change_of_the_default_behind_its_back_is_put_right() -> None:
    desk = Desk({})
    desk.mirror.update(100.0)
    desk.fallback[0] = b"x" * 12
    desk.mirror.update(105.0)
    assert desk.fallback == {0: b"Hello" + bytes(7)}
    assert len(desk.warnings) == 1


def test_a_change_that_is_no_new_generation_is_followed() -> None:
    """As plain SQL makes it."""
    desk = Desk({0: "a"})
    desk.mirror.update(0.0)
    desk.table.put(1, {501: "by sql"}, default="Moin")
    desk.mirror.update(0.1)
    assert desk.config == {501: b"by sql" + bytes(6)}
    assert desk.fallback == {0: b"Moin" + bytes(8)}
    assert desk.table.confirmed == [1]
    desk.mirror.update(100.0)
    assert desk.warnings == []


def test_what_cannot_be_in_the_kernel_leaves_the_last_good_message_and_is_told_once() -> None:
    desk = Desk({0: "a", 5: "good", 7: "gone"})
    desk.mirror.update(0.0)
    desk.table.put(2, {0: "b"}, default=None, refused=[5, 11, None])
    for now_s in (0.1, 0.2, 100.0):
        desk.mirror.update(now_s)
        desk.table.touched = True
    assert desk.config == {0: b"b" + bytes(11), 5: b"good" + bytes(8)}
    assert desk.fallback == {0: b"Hello" + bytes(7)}
    assert desk.table.confirmed == [1, 2]
    (warning,) = desk.warnings
    assert warning.endswith("5 is refused; 11 is refused; None is refused")
    desk.table.put(3, {0: "b"}, default=None, refused=[5, 13, 17, 19, 23, 29])
    desk.mirror.update(100.1)
    assert desk.warnings[1].endswith(": 13 is refused; 17 is refused; 19 is refused; and 2 more")
    desk.table.put(4, {5: "better"})
    desk.mirror.update(100.2)
    assert desk.config == {5: b"better" + bytes(6)}
    assert len(desk.warnings) == 2


def test_a_first_default_that_cannot_be_one_is_the_books() -> None:
    desk = Desk({})
    desk.table.put(1, {}, default=None)
    desk.mirror.update(0.0)
    assert desk.fallback == {0: b"Hello World\0"}


def test_a_map_that_could_not_be_written_is_written_later() -> None:
    desk = Desk({0: "a"})
    confirm, desk.table.confirm = desk.table.confirm, lambda generation: 1 / 0  # type: ignore[method-assign,assignment]
    with pytest.raises(ZeroDivisionError):
        desk.mirror.update(0.0)
    desk.table.confirm = confirm  # type: ignore[method-assign]
    desk.mirror.update(0.1)
    assert desk.table.confirmed == [1]


def test_control_groups_have_to_be_looked_for_more_often() -> None:
    desk = Desk({})
    desk.mirror.update(0.0)
    assert desk.mirror.look_s == 5.0
    for generation, terms in enumerate((["uid=7"], ["cgroup=/unit"]), 2):
        desk.table.wanted = desk.table.wanted._replace(
            generation=generation, rules=[make_rule(7, Action.IGNORE, READER.terms(terms))]
        )
        desk.table.touched = True
        desk.mirror.update(float(generation))
    assert desk.mirror.look_s == 1.7


def test_limits_and_rules_are_followed_and_put_right() -> None:
    desk = Desk({})
    limits = {33: Limit(50, None), 34: Limit(None, -1)}
    rules = [make_rule(7, Action.IGNORE, ())]
    desk.table.wanted = desk.table.wanted._replace(
        limits=limits, default_limit=Limit(-1, 2_000_000), rules=rules
    )
    desk.mirror.update(100.0)
    none = (1 << 64) - 1
    assert desk.maps.limits == {33: struct.pack("=QQ", 50, 0), 34: struct.pack("=QQ", 0, none)}
    assert desk.maps.limit == {0: struct.pack("=QQQ", 0, 2_000_000, 2)}
    held = desk.maps.rule_half[0], dict(desk.maps.rule_sets)
    assert held[0] == struct.pack("=I", 1)
    desk.maps.rule_half[0] = bytes(4)
    desk.maps.rule_sets[1] = bytes(RULE_SET.size)
    desk.maps.limits.clear()
    desk.mirror.update(105.0)
    assert (desk.maps.rule_half[0], desk.maps.rule_sets) == held
    assert len(desk.maps.limits) == 2
    assert [warning.split(";")[0] for warning in desk.warnings] == [
        "something else changed the kernel's config map (uid 33, 34)",
        "something else changed the kernel's maps of rules",
    ]
