"""Events as a table on a terminal."""

import io
import shutil
from collections.abc import Iterable, Iterator
from itertools import islice

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from execdb.cli.output.escape import escape
from execdb.cli.show.lines import command_line
from execdb.store.event import Event
from execdb.store.times import local_time

_HEADER = ("time", "pid", "ppid", "uid", "comm", "message", "end", "command")
_NUMBERS = ("pid", "ppid", "uid")
_COMMAND_LEAST = 20  # characters of the command, even if the terminal is too narrow for them
_GAP = 3  # between columns
_ROWS = 1_000  # of one table, which is laid out in memory; more rows make several tables


def table(events: Iterable[Event]) -> Iterator[str]:
    """With local times, to the millisecond. Long command lines are cut to the width of the
    terminal, with an ellipsis."""
    iterator = iter(events)
    rows = list(islice(iterator, _ROWS))
    while True:
        yield _one(rows)
        rows = list(islice(iterator, _ROWS))
        if not rows:
            return


def _one(events: list[Event]) -> str:
    rows = [_cells(event) for event in events]
    widths = [max(map(cell_len, column)) for column in zip(_HEADER, *rows, strict=True)]
    fixed = sum(widths[:-1]) + _GAP * (len(widths) - 1) + 2  # a space at both edges
    # Only the command is cut to fit a narrow terminal.
    room = max(_COMMAND_LEAST, shutil.get_terminal_size().columns - fixed)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in _HEADER[:-1]:
        grid.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=True)
    grid.add_column(_HEADER[-1], no_wrap=True, overflow="ellipsis", max_width=room)
    for row in rows:
        grid.add_row(*map(Text, row))  # Text: recorded text must not be read as markup
    out = io.StringIO()
    Console(file=out, width=fixed + room).print(grid)
    lines = (line.rstrip() for line in out.getvalue().splitlines())
    return "".join(f"{line}\n" for line in lines if line)


def _cells(event: Event) -> tuple[str, ...]:
    return (
        local_time(event.time_ns),
        str(event.pid),
        str(event.ppid),
        str(event.uid),
        escape(event.comm),
        escape(event.message),
        _outcome(event),
        command_line(event),
    )


def _outcome(event: Event) -> str:
    """How the image ended: an errno, an exit code, a signal, `exec` or nothing yet."""
    if event.errno is not None:
        return escape(event.errno)
    if event.ended == "exit":
        return str(event.exit_code)
    return f"sig {event.signal}" if event.ended == "signal" else event.ended or ""
