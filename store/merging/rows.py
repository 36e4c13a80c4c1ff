"""Reads the rows of another file as the events of an import, each value checked: the file may come
from anywhere."""

from collections.abc import Iterator, Sequence
from typing import Any

from execdb.store.errors import BadEvent, DatabaseError
from execdb.store.event import REPLACED, Command, Creds, Place
from execdb.store.fields import FIELD_OF, FIELDS, runs_of
from execdb.store.file.column_types import check_rows
from execdb.store.file.database import Database
from execdb.store.file.text import readable
from execdb.store.importing.imported import Boot, Merged, Values, command_of, origin_of
from execdb.store.importing.sources import Line
from execdb.store.kinds import Group
from execdb.store.segments.dictionary_cache import DictionaryCache
from execdb.store.segments.segment import Segment

ROWS = 2_000  # of a page
_KNOWN_MAX = 16_384
_SOURCE = 1  # all rows of a file have their ids from one sequence
_STATUS_MAX = 0xFFFF  # as wait(2) has it


class Rows:
    """The rows of one open file. Raises DatabaseError for what no collector can have written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache = DictionaryCache(str(database.path))
        self._origins: dict[int, tuple[Creds, Place]] = {}
        self._commands: dict[int, Command] = {}

    def pages(self, run_id: int, boot: Boot | Merged, *, seen: bool) -> Iterator[list[Line]]:
        """The events of a run in the order of their ids, of boot `boot`: with `seen` the programs
        that ran before it, else those it recorded."""
        for segment in self._segments(run_id, seen):
            after = segment.first_id - 1
            while after < segment.last_id:
                span = after + 1, segment.last_id, ROWS
                with self._database.reading() as connection:
                    found = connection.execute(_ROWS, span).fetchall()
                    check_rows(connection, "image", found)
                    rows = self._cache.learn(connection, found)
                if not rows:
                    break
                after = rows[-1][0]
                yield self._lines(rows, segment, boot)

    def _segments(self, run_id: int, seen: bool) -> Iterator[Segment]:
        after = _BEFORE_ALL if seen else 0
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(_SEGMENTS, (run_id, after, 0 if seen else _EVER))
                found = rows.fetchall()
                check_rows(connection, "segment", found)
            if not found:
                return
            yield from (Segment(*row) for row in found)
            after = found[-1][0]

    def _lines(self, rows: Sequence[Any], segment: Segment, boot: Boot | Merged) -> list[Line]:
        if max(len(self._origins), len(self._commands)) > _KNOWN_MAX:
            self._origins.clear()
            self._commands.clear()
        lines: list[Line] = []
        offset_ns = segment.offset_ns
        try:
            for (id_, time_ns, pid, ppid, _, origin_id, _, command_id, parent_id, status,
                 duration_ns, errno, caller, ns_pid, cpu_ns, rss_kb) in rows:  # fmt: skip
                origin = self._origins.get(origin_id) or self._origin(origin_id)
                command = self._commands.get(command_id) or self._command(command_id)
                outcome = readable(errno), readable(caller), status
                lines.append((
                    boot, time_ns, time_ns - offset_ns, pid, ppid, ns_pid, origin, command,
                    outcome, duration_ns, cpu_ns, rss_kb, id_, parent_id, _SOURCE,
                ))  # fmt: skip
            _check(lines)
        except (KeyError, BadEvent) as error:
            what = "refers to others that are not there" if isinstance(error, KeyError) else error
            raise DatabaseError(
                f"{self._database.path} is inconsistent: a row of segment {segment.first_id}: "
                f"{what}; nothing was imported"
            ) from None
        return lines

    def _origin(self, number: int) -> tuple[Creds, Place]:
        who, where = self._cache.origins[number]
        values = dict(zip(_ORIGIN_NAMES, (*who, *where), strict=True))
        found = self._origins[number] = origin_of(values)
        return found

    def _command(self, number: int) -> Command:
        values: Values = dict(zip(_COMMAND_NAMES, self._cache.commands[number], strict=True))
        found = self._commands[number] = command_of(values | {"argv": list(values["argv"])})
        return found


_BEFORE_ALL, _EVER = -(1 << 63), (1 << 63) - 1
_ORIGIN_NAMES = [f.name for group, run in runs_of(FIELDS) if group is Group.ORIGIN for f in run]
_COMMAND_NAMES = [f.name for group, run in runs_of(FIELDS) if group is Group.COMMAND for f in run]
_SEGMENTS = (
    "SELECT * FROM segment WHERE run_id = ? AND first_id > ? AND first_id < ?"
    " ORDER BY first_id LIMIT 1000"
)
_ROWS = "SELECT * FROM image WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
# The place of each number in a line, and the key that says how large it can be.
_NUMBERS = {
    1: "time_ns", 2: "boot_ns", 3: "pid", 4: "ppid", 5: "ns_pid", 9: "duration_ns", 10: "cpu_ns",
    11: "max_rss_kb",
}  # fmt: skip


def _check(lines: Sequence[Line]) -> None:
    """Raises BadEvent for a number, or an outcome, that no event can have."""
    for place, name in _NUMBERS.items():
        numbers = [line[place] for line in lines if line[place] is not None]
        most = FIELD_OF[name].kind.most
        assert most is not None
        if numbers and not 0 <= min(numbers) <= max(numbers) <= most:
            raise BadEvent(f"{name} must be a whole number from 0 to {most}")
    for outcome in {line[8] for line in lines}:
        errno, caller, status = outcome
        if status is not None and not (status == REPLACED or 0 <= status <= _STATUS_MAX):
            raise BadEvent("a status is not as wait(2) has it")
        for text in (errno, caller):
            if text is not None and (len(text) > 255 or "\0" in text):
                raise BadEvent("errno or caller is no name")
