"""Who started what as nested JSON."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator

from execdb.cli.drawing.tree_parts import Part
from execdb.cli.drawing.tree_text import Links, links_of
from execdb.cli.show.json_lines import objects
from execdb.store.event import Event

LEVELS_MAX = 100  # many programs that read JSON give up at 256 levels; a child takes two


def tree_json(parts: Iterable[Part]) -> Iterator[str]:
    """An array of the events that have no parent here, each with all keys, `chosen`, and its
    `children`, who are such objects again. What is LEVELS_MAX below its root is a root itself: its
    `parent_id` tells where it belongs."""
    start = "[\n"
    for part in parts:
        for root in _roots(part):
            yield start
            start = ",\n"
            yield from root
    yield "[]\n" if start == "[\n" else "\n]\n"


def _roots(part: Part) -> Iterator[Iterator[str]]:
    """The texts of each, to be taken before the next one."""
    links = links_of(part.events)
    opened = _Opened(part.chosen)
    waiting, drawn = list(links.roots)[::-1], set[int]()
    while waiting:
        root = waiting.pop()
        if root.id not in drawn:
            yield _nested(root, links, opened, drawn, waiting)


def _nested(
    root: Event, links: Links, opened: "_Opened", drawn: set[int], too_deep: list[Event]
) -> Iterator[str]:
    """Texts that are one object together."""
    drawn.add(root.id)
    yield opened.text(root)
    open_: list[Iterator[Event]] = [iter(links.children.get(root.id, ()))]
    first = [True]
    while open_:
        child = next((each for each in open_[-1] if each.id not in drawn), None)
        if child is None:
            open_.pop()
            first.pop()
            yield "]}"
        elif len(open_) >= LEVELS_MAX:
            too_deep += [child, *open_[-1]][::-1]
        else:
            drawn.add(child.id)
            yield ("" if first[-1] else ", ") + opened.text(child)
            first[-1] = False
            open_.append(iter(links.children.get(child.id, ())))
            first.append(True)


class _Opened:
    """Writes the beginning of an object. `objects` is slow to begin with, so one lasts for all."""

    def __init__(self, chosen: Collection[int]) -> None:
        self._chosen, self._next = chosen, deque[Event]()
        self._texts = objects(iter(self._next.popleft, None))

    def text(self, event: Event) -> str:
        self._next.append(event)
        found = "true" if event.id in self._chosen else "false"
        return f'{next(self._texts)[:-1]}, "chosen": {found}, "children": ['
