"""Inputs made from valid ones, each by the numbers of one seed."""

import os
import random
from collections.abc import Callable, Iterator, Sequence

_EDGES = tuple(
    value.to_bytes(size, "little", signed=value < 0)
    for size in (1, 2, 4, 8)
    for value in (0, 1, 23, 127, -1, -128, (1 << (8 * size - 1)) - 1, -(1 << (8 * size - 1)))
)


def seed_of_this_run() -> int:
    """Another one each time; FUZZ_SEED repeats a run."""
    return int(os.environ.get("FUZZ_SEED") or random.SystemRandom().randrange(1 << 32))


def as_often(count: int) -> int:
    """So many inputs, or FUZZ_TIMES as many."""
    return count * int(os.environ.get("FUZZ_TIMES") or 1)


class Mutator:
    """Changes bytes here and there: flips, cuts, doubles, splices, and numbers at their edges."""

    def __init__(self, chance: random.Random, valid: Sequence[bytes]) -> None:
        self._chance, self._valid = chance, valid
        self._changes: tuple[Callable[[bytearray, int], None], ...] = (
            self._flip, self._flip, self._edge, self._edge, self._edge, self._cut, self._insert,
            self._double, self._splice,
        )  # fmt: skip

    def inputs(self, count: int) -> Iterator[bytes]:
        """One in 16 is noise, one in 16 is valid, the others are changed once to four times."""
        chance, valid, changes = self._chance, self._valid, self._changes
        for _ in range(count):
            kind = int(chance.random() * 16)
            if kind == 0:
                yield chance.randbytes(int(chance.random() * 400))
                continue
            raw = bytearray(valid[int(chance.random() * len(valid))])
            for _ in range(0 if kind == 1 else 1 + kind % 4):
                change = changes[int(chance.random() * len(changes))]
                change(raw, int(chance.random() * len(raw)))
            yield bytes(raw)

    def _flip(self, raw: bytearray, at: int) -> None:
        if raw:
            raw[at] ^= 1 << int(self._chance.random() * 8)

    def _edge(self, raw: bytearray, at: int) -> None:
        edge = _EDGES[int(self._chance.random() * len(_EDGES))]
        at -= at % len(edge)  # numbers are aligned
        raw[at : at + len(edge)] = edge

    def _cut(self, raw: bytearray, at: int) -> None:
        del raw[at : at + 1 + int(self._chance.random() * 64)]

    def _insert(self, raw: bytearray, at: int) -> None:
        raw[at:at] = self._chance.randbytes(1 + int(self._chance.random() * 8))

    def _double(self, raw: bytearray, at: int) -> None:
        raw[at:at] = raw[at : at + 32]

    def _splice(self, raw: bytearray, at: int) -> None:
        raw[at:] = self._valid[int(self._chance.random() * len(self._valid))][at:]
