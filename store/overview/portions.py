"""A long reading in parts of which each is one short transaction."""

from collections.abc import Iterator, Sequence

from execdb.store.reading.narrowing import Entries, Stretch
from execdb.store.reading.selection import Selection

ROWS = 1 << 17  # of one transaction, by default


def portions_of(
    selection: Selection, entries: Entries, stretches: Sequence[Stretch], rows: int = ROWS
) -> Iterator[tuple[int, int, Entries]]:
    """The first and the last id of the rows of each part, at most `rows`, and what these rows must
    refer to. `entries` and `stretches` are what `parts_of` returns for a span."""
    if selection.ids is not None:
        ids = entries.get("id", ())
        for at in range(0, len(ids), rows):
            some = ids[at : at + rows]
            yield some[0], some[-1], {**entries, "id": some}
        return
    for first, last in stretches:
        for begin in range(first, last + 1, rows):
            yield begin, min(begin + rows - 1, last), entries
