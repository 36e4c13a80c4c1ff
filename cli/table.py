"""Events as a table on a terminal."""

import io
import shutil
from collections.abc import Iterable, Iterator
from itertools import islice

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from execdb.cli.escape import escape
from execdb.cli.render import command_line
from execdb.store.event import Event, local_time

_ROWS = 1_000  # a table needs its rows in memory: more of them make several tables


def table(events: Iterable[Event]) -> Iterator[str]:
    """Local times to the millisecond; long command lines are cut to the width with an ellipsis."""
    iterator = iter(events)
    rows = list(islice(iterator, _ROWS))
    while True:
        yield _one(rows)
        rows = list(islice(iterator, _ROWS))
        if not rows:
            return


def _one(events: list[Event]) -> str:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    grid.add_column("time", no_wrap=True)
    for name in ("pid", "ppid", "uid"):
        grid.add_column(name, justify="right", no_wrap=True)
    for name in ("comm", "message"):
        grid.add_column(name, no_wrap=True)
    grid.add_column("command", no_wrap=True, overflow="ellipsis", ratio=1)
    for event in events:
        cells = (
            local_time(event.time_ns),
            str(event.pid),
            str(event.ppid),
            str(event.uid),
            escape(event.comm),
            escape(event.message),
            command_line(event),
        )
        grid.add_row(*map(Text, cells))  # Text: nothing recorded is taken as markup
    out = io.StringIO()
    Console(file=out, width=shutil.get_terminal_size().columns).print(grid)
    return out.getvalue()
