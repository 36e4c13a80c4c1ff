"""Several connections to one file, asked at the same time: SQLite works in C, where threads do not
wait for each other."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from typing import TypeVar

from execdb.store.errors import DatabaseError
from execdb.store.file.database import open_database
from execdb.store.reading.history import History

_READERS_MAX = 4
_WORTH_ROWS = 100_000  # fewer are read before other connections are open

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def readers_of(history: History, rows: int) -> Iterator[list[History]]:
    """Others of the same file, one for each CPU up to four, if so many rows are worth it; the
    history itself stays free then. Else the history alone. Raises DatabaseError."""
    cpus = min(_READERS_MAX, len(os.sched_getaffinity(0)))
    if rows < _WORTH_ROWS or cpus == 1 or history.database.is_held:
        yield [history]
        return
    path = history.database.path
    with ExitStack() as stack:
        others = [stack.enter_context(open_database(path)) for _ in range(cpus)]
        if any(other.inode != history.database.inode for other in others):
            raise DatabaseError(f"{path} was replaced while it was read: try again")
        yield [History(other) for other in others]


def side_by_side(
    readers: list[History], read: Callable[[History, T], R], parts: Iterable[T]
) -> Iterator[R]:
    """What `read` gives for each part, in their order; a reader has one part at a time. With one
    reader it reads in this thread."""
    if len(readers) == 1:
        for part in parts:
            yield read(readers[0], part)
        return
    idle: SimpleQueue[History] = SimpleQueue()
    for reader in readers:
        idle.put(reader)

    def with_one(part: T) -> R:
        reader = idle.get()
        try:
            return read(reader, part)
        finally:
            idle.put(reader)

    waiting: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(len(readers))
    try:
        for part in parts:
            waiting.append(pool.submit(with_one, part))
            if len(waiting) > 2 * len(readers):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
