"""A long reading in parts of which each is one short transaction."""

from collections.abc import Iterator, Sequence

from execdb.store.reading.narrowing import Entries, Stretch
from execdb.store.reading.selection import Selection

_ROWS = 1 << 17  # of one transaction


def portions_of(
    selection: Selection, entries: Entries, stretches: Sequence[Stretch]
) -> Iterator[tuple[int, int, Entries]]:
    """The first and the last id of the rows of each part, and what rows must refer to. `entries`
    and `stretches` are what `parts_of` says of a span."""
    if selection.ids is not None:
        ids = entries.get("id", ())
        for at in range(0, len(ids), _ROWS):
            some = ids[at : at + _ROWS]
            yield some[0], some[-1], {**entries, "id": some}
        return
    for first, last in stretches:
        for begin in range(first, last + 1, _ROWS):
            yield begin, min(begin + _ROWS - 1, last), entries
