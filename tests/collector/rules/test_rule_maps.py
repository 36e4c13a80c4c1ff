"""The maps of the rules: switched at once, cleaned up, counters kept apart. Dicts are the maps."""

import struct
from collections.abc import Callable
from pathlib import Path

from execdb.bpf.wire import RULE_SET, RULE_SLOTS
from execdb.collector.rules.cgroups import CGROUPS_MAX, cgroup_folder, ids_of
from execdb.collector.rules.rule_maps import RuleMaps
from execdb.collector.rules.slots import Slots
from execdb.store.config.rule import Action, Pattern, Rule, make_rule
from execdb.store.terms.parse import Reader
from execdb.store.terms.users import uid_of

READER = Reader(uid_of, int)


class Maps:
    """The kernel's maps; `half` is the one in use."""

    def __init__(self) -> None:
        self.rule_sets = {0: bytes(RULE_SET.size), 1: bytes(RULE_SET.size)}
        self.rule_half = {0: bytes(4)}
        self.rule_values: dict[bytes, bytes] = {}
        self.rule_texts: dict[bytes, bytes] = {}

    @property
    def half(self) -> int:
        found: int = struct.unpack("=I", self.rule_half[0])[0]
        return found


def ignore(number: int, *terms: str) -> Rule:
    return make_rule(number, Action.IGNORE, READER.terms(terms))


def rule_maps(
    maps: Maps,
    wait: Callable[[], None],
    folder: Path | None = None,
    warnings: list[str] | None = None,
) -> RuleMaps:
    warnings = [] if warnings is None else warnings
    return RuleMaps(
        maps, Slots(), wait, warnings.append, lambda: None if folder is None else bytes(folder)
    )


def test_the_old_rules_are_there_until_no_program_uses_them() -> None:
    maps, seen = Maps(), []
    rules = rule_maps(maps, lambda: seen.append((maps.half, len(maps.rule_values))))
    rules.put([ignore(1, "uid=0,1,2")])
    rules.put([ignore(2, "uid=7")])
    rules.put([ignore(2, "uid=7")])
    assert seen == [(1, 3), (0, 4)]
    assert len(maps.rule_values) == 1


def test_a_cgroup_that_was_made_again_is_found(tmp_path: Path) -> None:
    maps = Maps()
    rules = rule_maps(maps, lambda: None, tmp_path)
    rules.put([ignore(1, "cgroup=/unit")])
    assert maps.rule_values == {}
    (tmp_path / "unit").mkdir()
    rules.follow_cgroups()
    assert len(maps.rule_values) == 1
    half = maps.half
    rules.follow_cgroups()
    assert maps.half == half
    (tmp_path / "unit").rmdir()
    rules.follow_cgroups()
    assert maps.rule_values == {}


def test_cgroups_by_path_and_by_how_they_begin(tmp_path: Path) -> None:
    for name in ("a", "ab", "ab/c", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a-file").touch()

    def found(raw: bytes, prefix: bool) -> set[str]:
        ids = ids_of(Pattern(raw, prefix), bytes(tmp_path))
        every = [tmp_path, *tmp_path.rglob("*")]
        return {str(path.relative_to(tmp_path)) for path in every if path.stat().st_ino in ids}

    assert found(b"/", False) == found(b"", True) == found(b"/", True) == {"."}
    assert found(b"/ab", False) == {"ab"}
    assert found(b"/a", True) == {"a", "ab"}
    assert found(b"/ab/", True) == {"ab/c"}
    assert found(b"/no", False) == found(b"/no/x", True) == set()
    assert ids_of(Pattern(b"/", False), None) == []


def test_this_machine_answers_without_an_error() -> None:
    folder = cgroup_folder()
    assert folder is None or Path(folder.decode()).is_dir()


def test_rules_keep_their_counters_and_share_none() -> None:
    slots = Slots()
    first = slots.give([5, 7])
    assert len({*first.values()}) == 2
    assert slots.give([7]) == {7: first[7]}
    for number in range(100, 100 + 2 * RULE_SLOTS):
        given = slots.give([7, number])
        assert given[7] == first[7]
        assert given[number] not in (0, first[7])
        assert max(given.values()) < RULE_SLOTS
    assert len(slots.owners()) == RULE_SLOTS - 1


def test_it_is_said_once_that_a_pattern_stands_for_too_many_cgroups(tmp_path: Path) -> None:
    warnings: list[str] = []
    maps = Maps()
    rules = rule_maps(maps, lambda: None, tmp_path, warnings)
    for number in range(CGROUPS_MAX):
        (tmp_path / f"job-{number}").mkdir()
    rules.put([ignore(1, "cgroup=/job-*")])
    assert not warnings
    (tmp_path / "job-more").mkdir()
    for _ in range(3):
        rules.follow_cgroups()
    (warning,) = warnings
    assert "cgroup=/job-*" in warning
    assert len(maps.rule_values) == CGROUPS_MAX
