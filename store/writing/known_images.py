"""Recognising the programs that run when a collector starts: one that an earlier run of this boot
recorded or saw has a row already."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Any, NamedTuple

from execdb.store.errors import DatabaseError
from execdb.store.event import REPLACED, Command, Exec, ImageKey
from execdb.store.file.column_types import check_rows
from execdb.store.schema import constants
from execdb.store.segments import image as columns
from execdb.store.segments.dictionary_cache import DictionaryCache
from execdb.store.segments.segment import Segment, lower_bound, row_of, segments_of

_BLOCKS = 4  # looked through for a process: its first exec comes soon after its beginning
_CHAIN = 64  # execs of one process that are followed from the first to the last,
_STEPS = 4_096  # and of all processes: a start must not take long
_BOOT_NS = columns.TIME_NS  # where the rows that `Earlier` handles have it


class Known(NamedTuple):
    """The newest image that is known of a process: its key and its row. Not `same` if the process
    has exec'd since, while no collector was running."""

    key: ImageKey
    id: int
    same: bool


class Earlier:
    """What the database has of a boot."""

    def __init__(self, connection: Connection, path: Path, boot_id: str) -> None:
        self._boot_id, self._path = boot_id, path
        self._steps = _STEPS
        recorded = {row[0] for row in connection.execute(_RUNS, (boot_id,))}
        segments = segments_of(connection, boot_id)
        self._segments = [segment for segment in segments if segment.run_id in recorded]
        self._firsts = [segment.first_id for segment in self._segments]

    def images_of(self, connection: Connection, images: Sequence[Exec]) -> list[Known | None]:
        """For each image that runs what is known of its process. Raises DatabaseError."""
        if not self._segments:
            return [None] * len(images)
        rows = [self._newest(connection, image) for image in images]
        commands = self._commands(connection, [row for row in rows if row is not None])
        return [
            None if row is None else _known(row, image, commands.get(row[columns.COMMAND_ID]))
            for row, image in zip(rows, images, strict=True)
        ]

    def _commands(self, connection: Connection, rows: list[Any]) -> dict[int, Command]:
        cache = DictionaryCache(str(self._path))
        try:
            cache.learn(connection, rows)
        except DatabaseError:  # damaged: then none can be compared
            return {}
        return {number: Command(*values[1::-1], *values[2:])
                for number, values in cache.commands.items()}  # fmt: skip

    def _newest(self, connection: Connection, image: Exec) -> Any:
        """The row of the latest image of the process, as far as it did not end."""
        found = [
            self._last_of(connection, row)
            for row in (self._seen(connection, image), self._recorded(connection, image))
            if row is not None
        ]
        if not found:
            return None
        row = max(found, key=self._age)
        return row if row[columns.STATUS] in (None, REPLACED) else None

    def _age(self, row: Any) -> tuple[int, int]:
        """The latest run counts first: of a program that was only seen, the time is when its
        process began."""
        segment = self._segment_of(row[columns.ID])
        return 0 if segment is None else segment.run_id, row[_BOOT_NS]

    def _seen(self, connection: Connection, image: Exec) -> Any:
        """By the run that saw it last: its rows have the lowest ids."""
        if self._firsts[0] > 0:
            return None
        where = image.pid >> constants.PID_BITS, _BLOCKS
        for (block,) in connection.execute(_SEEN_BLOCKS, where).fetchall():
            for row in self._ours(_rows(connection, block, self._firsts[0], image)):
                if row[_BOOT_NS] == image.boot_ns:
                    return row
        return None

    def _recorded(self, connection: Connection, image: Exec) -> Any:
        """The first exec of the process: no other has had its pid since it began."""
        first = self._first_since(connection, image.boot_ns)
        if first is None:
            return None
        where = image.pid >> constants.PID_BITS, first >> constants.BLOCK_BITS, _BLOCKS
        for (block,) in connection.execute(_BLOCKS_FROM, where).fetchall():
            for row in self._ours(_rows(connection, block, first, image)):
                if row[_BOOT_NS] >= image.boot_ns:
                    return row
        return None

    def _first_since(self, connection: Connection, boot_ns: int) -> int | None:
        for segment in self._segments:
            if segment.first_id > 0 and segment.last_boot_ns >= boot_ns:
                return lower_bound(connection, segment, boot_ns)
        return None

    def _last_of(self, connection: Connection, row: Any) -> Any:
        """From exec to exec of one process: an image ended when the next one began."""
        for _ in range(_CHAIN):
            if row[columns.STATUS] != REPLACED or not row[columns.DURATION_NS] or not self._steps:
                break
            self._steps -= 1
            began_ns, pid = row[_BOOT_NS] + row[columns.DURATION_NS], row[2]
            number = row_of(connection, self._boot_id, began_ns, pid)
            if number is None:
                break
            row = next(self._ours([connection.execute(_ROW, (number,)).fetchone()]), row)
        return row

    def _ours(self, rows: Iterable[Any]) -> Iterator[Any]:
        """The rows of this boot, with their boot_ns instead of the time_ns."""
        for row in rows:
            segment = self._segment_of(row[columns.ID])
            if segment is not None:
                yield (row[columns.ID], row[columns.TIME_NS] - segment.offset_ns, *row[2:])

    def _segment_of(self, number: int) -> Segment | None:
        """That of this boot which a row belongs to."""
        at = bisect_right(self._firsts, number) - 1
        within = at >= 0 and number <= self._segments[at].last_id
        return self._segments[at] if within else None


def _rows(connection: Connection, block: int, first: int, image: Exec) -> list[Any]:
    """Execs under the pid of an image within a block, from a row on."""
    last = (block + 1 << constants.BLOCK_BITS) - 1
    range_ = max(first, block << constants.BLOCK_BITS), last
    rows = connection.execute(_OF_PROCESS, (*range_, image.pid)).fetchall()
    check_rows(connection, "image", rows)
    return rows


def _known(row: Any, image: Exec, command: Command | None) -> Known:
    key = row[_BOOT_NS], image.pid
    same = row[columns.STATUS] is None and command is not None and _agree(command, image.command)
    return Known(key, row[columns.ID], same)


def _agree(stored: Command, running: Command) -> bool:
    """Whether it may be one and the same. A process may call itself something else; where not all
    arguments are there, the name counts as well."""
    if not (stored.truncated or running.truncated):
        return stored.argv == running.argv
    one, other = "\0".join(stored.argv), "\0".join(running.argv)
    begins = (stored.truncated and other.startswith(one)) or (
        running.truncated and one.startswith(other)
    )
    return begins and stored.comm == running.comm


_RUNS = "SELECT id FROM run WHERE boot_id = ? AND kind = 'collect'"  # an import may claim anything
_SEEN_BLOCKS = "SELECT block FROM pid_block WHERE pids = ? AND block < 0 ORDER BY block LIMIT ?"
_BLOCKS_FROM = "SELECT block FROM pid_block WHERE pids = ? AND block >= ? ORDER BY block LIMIT ?"
_OF_PROCESS = (
    "SELECT * FROM image WHERE id BETWEEN ? AND ? AND pid = ? AND errno IS NULL ORDER BY id"
)
_ROW = "SELECT * FROM image WHERE id = ?"
