"""Lines that fit the terminal they are shown on, as wide as it is at that moment."""

import os
from collections.abc import Iterable, Iterator

from execdb.cli.show.formats import Renderer
from execdb.cli.table.layout import cut
from execdb.store.event import Event

_USUAL = 80  # of a terminal that does not know its width


def terminal_width(fd: int) -> int:
    """In cells; $COLUMNS if it is set."""
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdecimal() and int(given[:6]) > 0:
        return int(given[:6])
    try:
        return os.get_terminal_size(fd).columns or _USUAL
    except OSError:
        return _USUAL


def fit_terminal(render: Renderer, fd: int) -> Renderer:
    """The renderer, whose texts are lines, without what would make the terminal wrap them."""

    def fitted(events: Iterable[Event]) -> Iterator[str]:
        for line in render(events):
            yield cut(line.removesuffix("\n"), terminal_width(fd)) + "\n"

    return fitted
