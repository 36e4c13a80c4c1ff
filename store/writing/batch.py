"""One transaction's rows: each exec with its parent, each end put on the row of its image."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, count, repeat
from operator import sub
from sqlite3 import Connection

from execdb.store.event import REPLACED, End, Exec
from execdb.store.file.text import storable
from execdb.store.segments.writer import SegmentWriter
from execdb.store.writing.parents import Lineage


class Batch:
    """Adds to a writer that has begun a transaction.

    This runs for every exec on the recorded machine, so it works with columns: what a built-in
    function does to a whole column costs a fraction of what a loop over events does.
    """

    def __init__(
        self, connection: Connection, run_id: int, writer: SegmentWriter, lineage: Lineage
    ) -> None:
        self._connection, self._run_id = connection, run_id
        self._writer, self._lineage = writer, lineage

    def begin(self, execs: Sequence[Exec]) -> list[int]:
        """Adds a row for each event; returns their ids. Best in order of boot_ns."""
        first = self._writer.next_id
        for stretch in _stretches(execs):
            self._add(stretch)
        return list(range(first, self._writer.next_id))

    def _add(self, execs: Sequence[Exec]) -> None:
        """The same for events of one segment."""
        (times, boots, pids, ppids, starts, parents, replaces, errnos, ns_pids, _, _) = zip(
            *execs, strict=True
        )
        connection, writer, lineage = self._connection, self._writer, self._lineage
        first = writer.next_id
        known, ids_of = writer.dictionary.starts, writer.dictionary.ids_of
        refers = list(map(known.get, map(id, starts)))
        if None in refers:
            refers = [known.get(id(start)) or ids_of(start) for start in starts]
        uids, origins, programs, commands, callers, _ = zip(*refers, strict=True)
        keys = list(zip(boots, pids, strict=True))
        lineage.running.update(zip(keys, count(first)))
        if any(errnos):  # an attempt that failed runs nothing
            for key in compress(keys, errnos):
                lineage.running.pop(key, None)
        row_of, find = lineage.running.get, lineage.find
        parent_rows = [row_of(key) or (key and find(connection, key)) for key in parents]
        offset_ns = times[0] - boots[0]
        columns = times, pids, ppids, uids, origins, programs, commands, parent_rows
        writer.extend(self._run_id, offset_ns, columns, ns_pids)
        if callers.count(None) < len(callers) or any(errnos):  # a task may have an empty name
            for row, errno, caller in zip(count(first), errnos, callers, strict=False):
                writer.add_attempt(row, errno, storable(caller))
        if any(replaces):
            self._end_replaced(compress(execs, replaces))

    def _end_replaced(self, execs: Iterable[Exec]) -> None:
        self.end(
            [
                End(e.boot_ns, e.parent, REPLACED, e.replaced_cpu_ns, e.replaced_rss_kb)
                for e in execs
                if e.parent is not None and e.errno is None
            ]
        )

    def end(self, ends: Sequence[End]) -> None:
        """Puts each end on the row of its image. If there is none, its exec was lost, and
        counted as lost."""
        if not ends:
            return
        moments, keys, statuses, cpus, peaks = zip(*ends, strict=True)
        connection, lineage = self._connection, self._lineage
        rows = list(map(lineage.running.pop, keys, repeat(0)))
        if 0 in rows:
            rows = [
                row or lineage.find(connection, key) or 0
                for row, key in zip(rows, keys, strict=True)
            ]
        lineage.ended.update(zip(keys, rows, strict=True))
        durations = map(sub, moments, [began_ns for began_ns, _ in keys])
        self._writer.end_rows(rows, zip(statuses, durations, cpus, peaks, strict=True))


def _stretches(execs: Sequence[Exec]) -> Iterator[Sequence[Exec]]:
    """Events in order of boot_ns under one setting of the clock, as one segment can have them."""
    times, boots = [event[0] for event in execs], [event[1] for event in execs]
    if len(set(map(sub, times, boots))) == 1 and sorted(boots) == boots:
        yield execs
        return
    begin = 0
    for at in range(1, len(execs) + 1):
        if at < len(execs):
            before, event = execs[at - 1], execs[at]
            later_ns = event.boot_ns - before.boot_ns
            if 0 <= later_ns == event.time_ns - before.time_ns:
                continue
        yield execs[begin:at]
        begin = at
