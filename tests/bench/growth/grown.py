"""Whether something grows faster than its answer. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from tests.bench.table import aligned

_FACTOR = 2.0  # from one history to the next


class Point(NamedTuple):
    """A figure of one history; how large the answer was, which is what it may grow with; what to
    say beside it; and its greatest value."""

    value: float
    answer: int = 1
    text: str = ""
    limit: float = math.inf


@dataclass(frozen=True)
class Line:
    """A row: the figures of the histories, the smallest history first. Figures up to `noise` are
    not told apart."""

    what: str
    unit: str
    points: Sequence[Point]
    noise: float = 0.0
    digits: int = 0

    @property
    def held(self) -> bool:
        """Whether no history takes more than twice what the one before it does, or, where its
        answer is larger, than twice that for an equal part of the answer; and no limit is
        exceeded."""
        pairs = zip(self.points, self.points[1:], strict=False)
        grown = all(self._follows(before, after) for before, after in pairs)
        return grown and all(point.value <= point.limit for point in self.points)

    def _follows(self, before: Point, after: Point) -> bool:
        larger = max(1.0, after.answer / max(1, before.answer))
        return after.value <= _FACTOR * larger * max(before.value, self.noise)

    @property
    def cells(self) -> list[str]:
        """Those of its row."""
        values = [f"{point.value:,.{self.digits}f} {self.unit}" for point in self.points]
        texts = [f" ({point.text})" if point.text else "" for point in self.points]
        verdict = "ok" if self.held else "**missed**"
        return [self.what, verdict, *map(str.__add__, values, texts)]


def merged(histories: Sequence[Sequence[Line]]) -> list[Line]:
    """The lines of each history as lines of all: those that every history has."""
    found = [{line.what: line for line in lines} for lines in histories]
    return [
        replace(line, points=[point for each in found for point in each[what].points])
        for what, line in found[0].items()
        if all(what in each for each in found)
    ]


def table(sizes: Sequence[int], lines: Iterable[Line]) -> str:
    """A row for each line, a column for each history."""
    titles = ["what", "", *(f"{size / 1e6:,.3g} M" for size in sizes)]
    return aligned([titles, *(line.cells for line in lines)])
