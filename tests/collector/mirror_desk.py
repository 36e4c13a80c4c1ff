"""A mirror with everything around it: the tables are changed by hand, the maps are dicts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from execdb.bpf.wire import RULE_SET
from execdb.collector.mirror import Mirror
from execdb.collector.rules.rule_maps import RuleMaps
from execdb.collector.rules.slots import Slots
from execdb.store.config.limit import Limit
from execdb.store.config.rule import Rule


class WrittenDown(dict[int, bytes]):
    """A map that notes what is done to it."""

    def __init__(self, *values: Mapping[int, bytes]) -> None:
        super().__init__(*values)
        self.done: list[tuple[str, int]] = []
        self.before_set: Callable[[], None] = lambda: None

    def __setitem__(self, key: int, value: bytes) -> None:
        self.before_set()
        self.done.append(("set", key))
        super().__setitem__(key, value)

    def __delitem__(self, key: int) -> None:
        self.done.append(("delete", key))
        super().__delitem__(key)


class Refused(NamedTuple):
    uid: int | None

    def __str__(self) -> str:
        return f"{self.uid} is refused"


class Wanted(NamedTuple):
    generation: int
    default: str | None
    entries: Mapping[int, str]
    in_kernel: int = 0
    refused: Sequence[Refused] = ()
    rules: Sequence[Rule] = ()
    limits: Mapping[int, Limit] = {}
    default_limit: Limit = Limit()


@dataclass
class Maps:
    """The kernel's maps as dicts."""

    config: WrittenDown = field(default_factory=WrittenDown)
    fallback: WrittenDown = field(default_factory=lambda: WrittenDown({0: bytes(12)}))
    generation: WrittenDown = field(default_factory=lambda: WrittenDown({0: bytes(4)}))
    limits: WrittenDown = field(default_factory=WrittenDown)
    limit: WrittenDown = field(default_factory=lambda: WrittenDown({0: bytes(24)}))
    rule_sets: dict[int, bytes] = field(
        default_factory=lambda: {0: bytes(RULE_SET.size), 1: bytes(RULE_SET.size)}
    )
    rule_half: dict[int, bytes] = field(default_factory=lambda: {0: bytes(4)})
    rule_values: dict[bytes, bytes] = field(default_factory=dict)
    rule_texts: dict[bytes, bytes] = field(default_factory=dict)


@dataclass
class Table:
    """The truth, changed by hand."""

    wanted: Wanted
    touched: bool = True
    confirmed: list[int] = field(default_factory=list)

    def put(
        self,
        generation: int,
        entries: Mapping[int, str],
        default: str | None = "Hello",
        refused: Sequence[int | None] = (),
    ) -> None:
        in_kernel, bad = self.wanted.in_kernel, tuple(map(Refused, refused))
        self.wanted = Wanted(generation, default, entries, in_kernel, bad)
        self.touched = True

    def changed(self) -> bool:
        touched, self.touched = self.touched, False
        return touched

    def follow(self) -> Wanted:
        return self.wanted

    def confirm(self, generation: int) -> None:
        self.confirmed.append(generation)
        self.wanted = self.wanted._replace(in_kernel=generation)


class Desk:
    """A mirror with everything around it."""

    def __init__(self, entries: Mapping[int, str]) -> None:
        self.table = Table(Wanted(1, "Hello", entries))
        self.maps = Maps()
        self.config, self.fallback = self.maps.config, self.maps.fallback
        self.generation = self.maps.generation
        self.warnings: list[str] = []
        rules = RuleMaps(self.maps, Slots(), lambda: None, lambda text: None, lambda: None)
        self.mirror = Mirror(self.table, self.maps, rules, self.warnings.append)
