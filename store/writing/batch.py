"""One transaction's rows: each exec with its parent, each end put on the row of its image."""

from collections.abc import Iterable
from sqlite3 import Connection

from execdb.store.event import REPLACED, End, Exec, ImageKey
from execdb.store.file.text import storable
from execdb.store.segments.writer import SegmentWriter
from execdb.store.writing.parents import Lineage


class Batch:
    """Adds to a writer that has begun a transaction.

    `begin` and `end` run for every exec on the recorded machine, so their common case is
    written out: one look-up for each thing that is known.
    """

    def __init__(
        self, connection: Connection, run_id: int, writer: SegmentWriter, lineage: Lineage
    ) -> None:
        self._connection, self._run_id = connection, run_id
        self._writer, self._lineage = writer, lineage
        self.ended: list[ImageKey] = []

    def begin(self, execs: Iterable[Exec]) -> list[int]:
        """Adds a row for each event; returns their ids."""
        writer, run_id, add = self._writer, self._run_id, self._writer.add
        starts, ids_of = writer.dictionary.starts, writer.dictionary.ids_of
        images = self._lineage.ids
        first = writer.next_id
        for time_ns, boot_ns, pid, ppid, start, parent, replaces, errno in execs:
            parent_id = None
            if parent is not None:
                parent_id = images.get(parent) or self._look_up(parent)
            uid, origin_id, program_id, command_id, _ = starts.get(id(start)) or ids_of(start)
            number = add(
                run_id, time_ns - boot_ns, time_ns, pid, ppid, uid, origin_id, program_id,
                command_id, parent_id,
            )  # fmt: skip
            if start.caller is not None or errno is not None:
                writer.add_attempt(number, errno, storable(start.caller))
            if errno is None:
                if replaces and parent is not None:
                    self.end([End(boot_ns, parent, REPLACED)])
                images[boot_ns, pid] = number
        return list(range(first, writer.next_id))

    def _look_up(self, key: ImageKey) -> int | None:
        return self._lineage.look_up(self._connection, key)

    def end(self, ends: Iterable[End]) -> None:
        """Puts each end on the row of its image. If there is none, its exec was lost, and
        counted as lost."""
        images, put = self._lineage.ids, self._writer.end
        for boot_ns, key, status in ends:
            number = images.get(key) or self._look_up(key)
            if number is not None:
                put(number, status, boot_ns - key[0])
                self.ended.append(key)
