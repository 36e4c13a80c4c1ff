"""The database as the target of an import: finds out which events it has, and adds the others."""

from collections.abc import Callable, Iterator, Sequence
from itertools import compress, groupby
from operator import itemgetter, sub
from sqlite3 import Connection
from typing import Any, NamedTuple

from execdb.store.file.sql import scalar
from execdb.store.file.text import storable
from execdb.store.importing.already_stored import Held
from execdb.store.importing.imported import Boot, Merged
from execdb.store.importing.parents import RowsOfIds
from execdb.store.importing.sources import Line
from execdb.store.segments import image
from execdb.store.segments.writer import SegmentWriter


class Tally(NamedTuple):
    """What became of the events of a file."""

    added: int
    known: int  # that were in the database already
    learned: int = 0  # of those known, how many got the end that they lacked
    orphans: int = 0  # of all, how many have a parent that cannot be determined


class Target:
    """Stores imported events, a chunk at a time. Call `begin` first in each transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._writer = SegmentWriter()
        self._ids = RowsOfIds(connection)
        self._endless: set[int] = set()  # rows of the database that lack their end
        self._parentless: set[int] = set()
        self.added = self._known = self._learned = 0

    def begin(self) -> None:
        """To be called when a transaction has begun: others may have written since the last one."""
        self._held = Held(self._connection)

    def add(self, chunk: list[Line]) -> None:
        """Stores the events that the database does not have, and completes those that it has."""
        connection, writer = self._connection, self._writer
        writer.begin(connection)
        before = writer.next_id
        there: dict[tuple[str | int, int], dict[tuple[int, int], int]] = {}
        for (boot, offset_ns), lines in _groups(chunk):
            run_id = self._held.run_of(boot)
            known = there.setdefault((boot[-1], offset_ns), {})
            for row in self._held.rows(boot, offset_ns, lines):
                known[row[image.TIME_NS], row[image.PID]] = row[image.ID]
                self._note_lacks(row)
            if known or not self._append_new(run_id, offset_ns, lines, known):
                self._append(run_id, offset_ns, lines, known)
        self.added += writer.next_id - before
        self._known += len(chunk) - (writer.next_id - before)
        writer.flush(connection)
        self._held.update(before)
        self._ids.flush()
        self._endless.clear()
        self._parentless.clear()

    def add_seen(self, run_id: int, offset_ns: int, lines: Sequence[Line]) -> None:
        """Stores programs that ran before a run that is merged, in rows of their own kind below all
        others, unless they are there. `lines` are of one segment, in the order of their ids."""
        connection, writer, ids = self._connection, SegmentWriter(), self._ids
        rows = [_seen_row(connection, run_id, line) for line in lines]
        new = [line for line, row in zip(lines, rows, strict=True) if row is None]
        if new:
            writer.begin_below(connection, len(new))
        commands, origins = writer.dictionary.commands, writer.dictionary.origins
        recent = ids.recent(lines[0][-1])
        for at, line in enumerate(lines):
            known = rows[at]
            number = writer.next_id if known is None else known
            (_, time_ns, boot_ns, pid, ppid, ns_pid, origin, command, (_, _, status),
             duration_ns, cpu_ns, rss_kb, id_, parent, _) = line  # fmt: skip
            rows[at] = number
            recent[id_] = number, boot_ns
            if known is not None:
                self._endless |= {known} if _lacks_end(connection, known) else set()
                self._learn(line, known, run_id)
                continue
            above = None if parent is None else recent.get(parent)
            parent_id = above[0] if above else None
            if parent is not None and above is None:
                parent_id = ids.parent(line, number, run_id)
            program_id, command_id = commands[command]
            writer.add(
                run_id, offset_ns, time_ns, pid, ppid, origin[0].uid, origins[origin], program_id,
                command_id, parent_id, status, duration_ns, cpu_ns, rss_kb, ns_pid,
            )  # fmt: skip
        writer.flush(connection)
        ids.note(lines, [row for row in rows if row is not None], run_id)
        ids.flush()
        self._writer.flush(connection)
        self._writer.rollback()  # its dictionary's next ids are taken now

    def _note_lacks(self, row: Sequence[Any]) -> None:
        """Notes whether a row of the database lacks its end or its parent."""
        if row[image.STATUS] is None and row[image.ERRNO] is None:
            self._endless.add(row[image.ID])
        if row[image.PARENT_ID] is None:
            self._parentless.add(row[image.ID])

    def _append_new(
        self,
        run_id: int,
        offset_ns: int,
        lines: Sequence[Line],
        known: dict[tuple[int, int], int],
    ) -> bool:
        """Does what `_append` does, by columns, which takes half of the time; returns False where
        that cannot be: some lines are the same event, or their ids are not those of one source."""
        (_, times, boots, pids, ppids, ns_pids, origins, commands, outcomes, durations, cpus,
         peaks, numbers, parents, sources) = zip(*lines, strict=True)  # fmt: skip
        writer, ids, run = self._writer, self._ids, (run_id, offset_ns)
        rows = range(writer.next_id, writer.next_id + len(lines))
        new = dict(zip(zip(times, pids, strict=True), rows, strict=True))
        if len(new) < len(lines) or sources.count(sources[0]) < len(lines):
            return False
        recent = ids.learn(sources[0], numbers, zip(rows, boots, strict=True))
        if recent is None:
            return False
        known |= new
        find, dictionary = recent.get, writer.dictionary
        above = [
            None if parent is None
            else found[0] if (found := find(parent)) and found[1] <= boot_ns and found[0] != row
            else ids.parent(line, row, run_id)
            for parent, boot_ns, row, line in zip(parents, boots, rows, lines, strict=True)
        ]  # fmt: skip
        uids, origin_ids = _of_each(
            origins, lambda origin: (origin[0].uid, dictionary.origins[origin])
        )
        program_ids, command_ids = _of_each(commands, dictionary.commands.__getitem__)
        columns = times, pids, ppids, uids, origin_ids, program_ids, command_ids, above
        statuses, refused = _of_each(outcomes, lambda each: (each[2], each[:2] != (None, None)))
        writer.extend(*run, columns, ns_pids, zip(statuses, durations, cpus, peaks, strict=True))
        for row, (errno, caller, _) in compress(zip(rows, outcomes, strict=True), refused):
            writer.add_attempt(row, storable(errno), storable(caller))
        ids.note(lines, rows, run_id)
        return True

    def _append(
        self,
        run_id: int,
        offset_ns: int,
        lines: Sequence[Line],
        known: dict[tuple[int, int], int],
    ) -> None:
        writer, ids, add = self._writer, self._ids, self._writer.add
        commands, origins = writer.dictionary.commands, writer.dictionary.origins
        source, recent = 0, ids.recent(0)
        placed = []
        for line in lines:
            (_, time_ns, boot_ns, pid, ppid, ns_pid, origin, command, (errno, caller, status),
             duration_ns, cpu_ns, rss_kb, id_, parent, line_source) = line  # fmt: skip
            number = writer.next_id
            row = known.setdefault((time_ns, pid), number)
            placed.append(row)
            if line_source != source:
                source, recent = line_source, ids.recent(line_source)
            if id_ is not None and recent.setdefault(id_, (row, boot_ns))[0] != row:
                recent = ids.mix(source)
            if row != number:
                self._learn(line, row, run_id)
                continue
            parent_id = None
            if parent is not None:
                found = recent.get(parent)
                if found is not None and found[1] <= boot_ns and found[0] != number:
                    parent_id = found[0]
                else:
                    parent_id = ids.parent(line, number, run_id)
            program_id, command_id = commands[command]
            add(
                run_id, offset_ns, time_ns, pid, ppid, origin[0].uid, origins[origin], program_id,
                command_id, parent_id, status, duration_ns, cpu_ns, rss_kb, ns_pid,
            )  # fmt: skip
            if errno is not None or caller is not None:
                writer.add_attempt(number, storable(errno), storable(caller))
        ids.note(lines, placed, run_id)

    def _learn(self, line: Line, row: int, run_id: int) -> None:
        """Adds the end and the parent of an event to its row, if they are missing there."""
        (errno, _, status), duration_ns, cpu_ns, rss_kb = line[8:12]
        writer = self._writer
        if row in self._parentless or row >= writer.first_id:
            self._ids.look_later(line, row, run_id)
        if status is None or errno is not None:
            return
        if row in self._endless or writer.lacks_end(row):
            self._endless.discard(row)
            writer.end(row, status, duration_ns, cpu_ns, rss_kb)
            self._learned += 1

    def finish(self) -> Tally:
        """Finds the parents that came after their children in the file."""
        orphans = self._ids.settle()
        self._held.drop()
        return Tally(self.added, self._known, self._learned, orphans)


def _groups(chunk: list[Line]) -> Iterator[tuple[tuple[Boot | Merged, int], list[Line]]]:
    """The events of each boot of each machine under each setting of its clock, in order of
    boot_ns."""
    boots, times, moments = zip(*map(_WHEN_OF, chunk), strict=True)
    settings = set(zip(boots, map(sub, times, moments), strict=True))
    if len(settings) == 1:  # which is the usual case
        yield settings.pop(), sorted(chunk, key=_BOOT_NS_OF)
        return
    for setting, lines in groupby(sorted(chunk, key=_setting), _setting):
        yield setting, sorted(lines, key=_BOOT_NS_OF)


def _setting(line: Line) -> tuple[Boot | Merged, int]:
    return line[0], line[1] - line[2]


_WHEN_OF, _BOOT_NS_OF = itemgetter(0, 1, 2), itemgetter(2)


def _of_each(values: Sequence[Any], pair_of: Callable[[Any], tuple[Any, Any]]) -> Iterator[Any]:
    """Two columns: what the values stand for. It is asked once for each object, as few recur."""
    objects = dict(zip(map(id, values), values, strict=True))
    pairs = {key: pair_of(value) for key, value in objects.items()}
    return zip(*map(pairs.__getitem__, map(id, values)), strict=True)


def _seen_row(connection: Connection, run_id: int, line: Line) -> int | None:
    found: int | None = scalar(connection, _SEEN, (line[1], line[3], run_id))
    return found


def _lacks_end(connection: Connection, row: int) -> bool:
    return scalar(connection, "SELECT status FROM image WHERE id = ?", (row,)) is None


_SEEN = """
SELECT id FROM image WHERE time_ns = ? AND pid = ? AND id < 0 AND ? = (
    SELECT run_id FROM segment WHERE first_id <= image.id ORDER BY first_id DESC LIMIT 1)
"""
