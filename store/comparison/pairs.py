"""Finds the pairs of two histories, from the roots of their trees down."""

from array import array
from collections.abc import Sequence
from itertools import pairwise

from execdb.store.comparison.side import NONE, Side


class Pairs:
    """`a[n]` and `b[n]` are indices of events that are the same in both histories; `only_a` and
    `only_b` those of events without a counterpart, of which everything below has none either.
    `reordered` counts pairs that follow their siblings in another order.

    Only children of a pair become a pair: of two siblings that are alike, those that started the
    same, else those with the same fields, command, or file, in their order."""

    def __init__(self, a: Side, b: Side) -> None:
        self._a, self._b = a, b
        self.a, self.b = array("q"), array("q")
        self.only_a, self.only_b = array("q"), array("q")
        self.reordered = 0
        self._keys = (
            (a.trees, b.trees),
            (a.keys, b.keys),
            (a.commands, b.commands),
            (a.likenesses, b.likenesses),
            (a.files, b.files),
        )
        waiting = [(NONE, NONE)]
        while waiting:
            parent_a, parent_b = waiting.pop()
            first = len(self.a)
            self._pair(a.children(parent_a), b.children(parent_b))
            self._count_reordered(first)
            waiting += zip(self.a[first:], self.b[first:], strict=True)

    def _pair(self, of_a: Sequence[int], of_b: Sequence[int]) -> None:
        for keys_a, keys_b in self._keys:
            if of_a and of_b:
                of_a, of_b = self._join(of_a, of_b, keys_a, keys_b)
        self.only_a.extend(of_a)
        self.only_b.extend(of_b)

    def _join(
        self, of_a: Sequence[int], of_b: Sequence[int], keys_a: "array[int]", keys_b: "array[int]"
    ) -> tuple[list[int], list[int]]:
        """Pairs those with equal keys. Returns the others, in order."""
        rest_a = sorted(of_a, key=keys_a.__getitem__)[::-1]  # the next one is the last
        rest_b = sorted(of_b, key=keys_b.__getitem__)[::-1]
        left_a, left_b = list[int](), list[int]()
        while rest_a and rest_b:
            key_a, key_b = keys_a[rest_a[-1]], keys_b[rest_b[-1]]
            if key_a == key_b:
                self.a.append(rest_a.pop())
                self.b.append(rest_b.pop())
            elif key_a < key_b:
                left_a.append(rest_a.pop())
            else:
                left_b.append(rest_b.pop())
        return sorted(left_a + rest_a), sorted(left_b + rest_b)

    def _count_reordered(self, first: int) -> None:
        order = sorted(range(first, len(self.a)), key=self.a.__getitem__)
        self.reordered += sum(self.b[one] > self.b[next_] for one, next_ in pairwise(order))
