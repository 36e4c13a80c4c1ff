"""A bar on a terminal that says how far a long command is. Into anything else nothing is done."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from execdb.cli.output.interrupts import ends_as_interrupt

T = TypeVar("T")
_AFTER_S = 1.0  # what is quicker needs no bar
_EVERY = 1_000  # execs between looks at the clock
_shown_now: list[ExitStack] = []


def shown(
    items: Iterable[T],
    doing: str,
    total: int | None = None,
    at: Callable[[], int] | None = None,
    *,
    every: int = _EVERY,
    unit: str = "execs",
    after_s: float = _AFTER_S,
) -> Iterator[T]:
    """The items. On stderr, if it is a terminal, a bar counts them. `total` is how many there
    will be, or what `at` will say at the end; None if that is not known. The clock is looked at
    `every` so many items."""
    if not sys.stderr.isatty():
        return iter(items)
    return _shown(items, (doing, unit), total, at, every, time.monotonic() + after_s)


def close_bars() -> None:
    """Takes those away that are left after an error, whose line would be wiped with them."""
    while _shown_now:
        _shown_now.pop().close()


@contextmanager
def reported(doing: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """What to call inside with how much is done, and of how much: the same bar shows it."""
    from_s = time.monotonic() + _AFTER_S
    with ExitStack() as stack:
        update: Callable[[int, int], None] | None = None

        def report(done: int, total: int) -> None:
            nonlocal update
            if update is None and sys.stderr.isatty() and time.monotonic() >= from_s:
                update = _bar(stack, doing, unit, total)
            if update is not None:
                update(done, done)

        yield report


def _shown(
    items: Iterable[T],
    words: tuple[str, str],
    total: int | None,
    at: Callable[[], int] | None,
    every: int,
    from_s: float,
) -> Iterator[T]:
    with ExitStack() as stack:
        update = None
        for number, item in enumerate(items):
            if number % every == 0 and time.monotonic() >= from_s:
                update = update or _bar(stack, *words, total)
                update(number, at() if at else number)
            yield item


def _bar(stack: ExitStack, doing: str, unit: str, total: int | None) -> Callable[[int, int], None]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn(doing), BarColumn(), TextColumn(f"{{task.fields[count]:,}} {unit}")
    _shown_now.append(stack)
    stack.enter_context(ends_as_interrupt())  # or the terminal would stay without a cursor
    console = Console(stderr=True)
    progress = stack.enter_context(
        Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
    )
    task: Any = progress.add_task("", total=total, count=0)
    return lambda number, done: progress.update(task, completed=done, count=number)
