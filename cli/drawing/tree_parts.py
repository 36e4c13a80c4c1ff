"""A family in parts that are drawn one after the other: ids name events within one host."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from execdb.cli.drawing.tree_text import links_of
from execdb.store.event import Event

if TYPE_CHECKING:
    from execdb.store.asking.store import Store
    from execdb.store.overview.family import Family


@dataclass(frozen=True)
class Part:
    """`chosen` and `above` are ids of events, as those of a Family; `host` is to be named."""

    events: Sequence[Event]
    chosen: frozenset[int] = frozenset()
    above: frozenset[int] = frozenset()
    host: str | None = None

    def shallow(self, depth: int) -> "Part":
        """Without what is more than so many levels below the top."""
        links = links_of(self.events)
        level, kept = list(links.roots), set[int]()
        for _ in range(depth + 1):
            kept.update(event.id for event in level)
            level = [
                child
                for event in level
                for child in links.children.get(event.id, ())
                if child.id not in kept
            ]
            if not level:
                break
        return replace(self, events=[event for event in self.events if event.id in kept])


def parts_of(store: "Store", family: "Family", *, hosts: bool) -> list[Part]:
    """With `hosts` each part is of one host, or of one of its runs where ids are not unique."""
    return [
        Part(
            events,
            frozenset(each.id for each in events if store.key_of(each) in family.chosen),
            frozenset(each.id for each in events if store.key_of(each) in family.above),
            events[0].host if hosts else None,
        )
        for events in (_apart(family.events) if hosts else [family.events])
    ]


def _apart(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    of_host: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        of_host[event.host].append(event)
    for host in sorted(of_host):
        ours = of_host[host]
        if max(Counter(event.id for event in ours).values()) == 1:
            yield ours
            continue
        of_run: defaultdict[int, list[Event]] = defaultdict(list)
        for event in ours:
            of_run[event.run_id].append(event)
        yield from of_run.values()
