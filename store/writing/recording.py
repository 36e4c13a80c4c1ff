"""Writing: one collector life is one run; one batch is one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from sqlite3 import Connection

from execdb.store.account import NOTHING_MORE, Account, Counts
from execdb.store.errors import DatabaseError
from execdb.store.event import REPLACED, End, Exec, ImageKey
from execdb.store.file.database import Database
from execdb.store.file.sql import insert_sql, scalar
from execdb.store.file.text import storable
from execdb.store.segments.writer import STATUS, WIDTH, Rows
from execdb.store.writing.known_images import Earlier
from execdb.store.writing.parents import Lineage


@dataclass(frozen=True)
class Machine:
    """Where events come from."""

    host: str
    boot_id: str
    kernel: str


class Recording:
    """One collector life in the database. Start it only while holding the collector's lock:
    every other run that has no end is taken for crashed."""

    def __init__(self, database: Database, machine: Machine, version: str, started_ns: int) -> None:
        self.machine = machine
        self._database = database
        host, boot_id, kernel = storable(machine.host), machine.boot_id, machine.kernel
        with database.writing() as connection:
            connection.execute(_CRASHED)
            values = (host, boot_id, kernel, version, started_ns, started_ns)
            number = connection.execute(_RUN, values).lastrowid
            assert number is not None
            self.run_id: int = number
            # What an earlier collector had confirmed is in no kernel any more.
            connection.execute("UPDATE config_state SET kernel_generation = 0")
        self._lineage = Lineage(machine.boot_id)
        self._rows = Rows()
        self._earlier: Earlier | None = None

    def keep_small(self, max_bytes: int) -> None:
        """Makes what rows refer to end sooner where the file may have so many bytes: the part that
        is written to cannot be made shorter."""
        dictionary = self._rows.dictionary
        dictionary.bytes_max = min(dictionary.bytes_max, max_bytes // 16)

    def know(self, images: Sequence[Exec]) -> list[ImageKey]:
        """Images that ran before this run began and may be parents. What an earlier run of this
        boot recorded or saw is that image; the others are stored, as rows of their own kind.
        Returns by which keys parents and ends will name them, the oldest first. Raises
        DatabaseError, and then nothing of it is stored and it may be tried again."""
        images = sorted(images, key=lambda image: (image.boot_ns, image.pid))
        before = dict(self._lineage.ids)
        try:
            with self._database.reading() as connection:
                keys, new = self._recognise(connection, images)
            if new:
                with self._database.writing() as connection:
                    self._store_the_running(connection, new)
        except BaseException:
            self._lineage.ids = before
            raise
        return keys

    def _recognise(
        self, connection: Connection, images: Sequence[Exec]
    ) -> tuple[list[ImageKey], list[Exec]]:
        """The key of each, and those that have no row. A program that took the place of one that
        is known has it for its parent."""
        if self._earlier is None:
            self._earlier = Earlier(connection, self._database.path, self.machine.boot_id)
        ids = self._lineage.ids
        keys: list[ImageKey] = []
        new: list[Exec] = []
        found = self._earlier.images_of(connection, images)
        for image, known in zip(images, found, strict=True):
            key = image.boot_ns, image.pid
            if key in ids:
                image = image._replace(parent=key)
            elif known is not None:
                ids[known.key] = known.id
                if known.same:
                    ids[key] = known.id  # its children name it by when its process began
                    keys.append(known.key)
                    continue
                image = image._replace(parent=known.key)
            keys.append(key)
            new.append(image)
        return keys, new

    def write(
        self,
        execs: Sequence[Exec],
        ends: Sequence[End],
        counts: Counts,
        account: Account = NOTHING_MORE,
    ) -> list[int]:
        """Stores a batch, its execs in order of boot_ns, and the ledger so far in one
        transaction; returns the execs' row ids. Raises DatabaseError, and then nothing of it is
        stored and it may be tried again."""
        first = _EVER
        try:
            with self._database.writing() as connection:
                self._rows.begin(connection, self._database.version())
                first = self._rows.next
                batch = Batch(connection, self.run_id, self._rows, self._lineage)
                ids = batch.begin(execs)
                batch.end(ends)
                batch.flush()
                self._keep(connection, counts, account)
                version = self._database.version()  # nobody else can write before the end
        except BaseException:
            self._rows.forget()
            self._lineage.undo(first)
            raise
        self._rows.note(version)
        self._lineage.let_go(batch.ended)
        return ids

    def _store_the_running(self, connection: Connection, images: Sequence[Exec]) -> None:
        """Their rows go below all there are: ids less than 0, in order of boot_ns."""
        rows = Rows()
        rows.begin(connection)
        lowest = scalar(connection, "SELECT min(first_id) FROM segment") or 0
        rows.first = min(lowest, 0) - len(images)
        batch = Batch(connection, self.run_id, rows, self._lineage)
        batch.begin(images)
        batch.flush()
        self._rows.forget()  # these have taken the next ids of the dictionary

    def finish(self, ended_ns: int, counts: Counts, account: Account = NOTHING_MORE) -> None:
        """Closes the run as clean, with its final ledger. Raises DatabaseError."""
        with self._database.writing() as connection:
            self._keep(connection, counts, account)
            connection.execute(_CLEAN, (ended_ns, ended_ns, self.run_id))

    def _keep(self, connection: Connection, counts: Counts, account: Account) -> None:
        """The ledger as of now."""
        started_ns, alive_ns, losses, clock_sets = account
        kept = connection.execute(_COUNT, (*counts, started_ns, alive_ns, self.run_id))
        if kept.rowcount != 1:
            raise DatabaseError(f"run {self.run_id} is not in the database any more: start again")
        if losses:
            rows = [(self.run_id, *loss) for loss in losses]
            connection.executemany(_LOSS, rows)
        if clock_sets:
            moments = [(self.run_id, *clock_set) for clock_set in clock_sets]
            connection.executemany(_CLOCK_SET, moments)


class Batch:
    """The rows of one transaction. An end finds its row here or, further back, in the table.

    `begin` and `end` run for every exec on the recorded machine, so their common case is
    written out: one look-up for each thing that is known.
    """

    def __init__(
        self,
        connection: Connection,
        run_id: int,
        rows: Rows,
        lineage: Lineage,
    ) -> None:
        self._connection, self._run_id = connection, run_id
        self._rows, self._lineage = rows, lineage
        self._updates: list[tuple[int, int, int]] = []
        self.ended: list[ImageKey] = []

    def begin(self, execs: Iterable[Exec]) -> list[int]:
        """A row for each event; returns their ids."""
        rows, run_id = self._rows, self._run_id
        starts, ids_of = rows.dictionary.starts, rows.dictionary.ids_of
        pending, images = rows.pending, self._lineage.ids
        offset_ns, last_ns = rows.tail(run_id)
        number = first = rows.next
        for event in execs:
            time_ns, boot_ns, pid, ppid, start, parent, replaces, errno = event
            if time_ns - boot_ns != offset_ns or boot_ns < last_ns:
                offset_ns = time_ns - boot_ns
                rows.cut(run_id, offset_ns, boot_ns)
            last_ns = boot_ns
            parent_id = None
            if parent is not None:
                parent_id = images.get(parent) or self._look_up(parent)
            origin_id, command_id, _ = starts.get(id(start)) or ids_of(start)
            pending += (
                number, boot_ns, pid, ppid, origin_id, command_id, parent_id, None, None
            )  # fmt: skip
            if start.caller is not None or errno is not None:
                rows.calls.append((errno, storable(start.caller), number))
            if errno is None:
                if replaces and parent is not None:
                    self.end([End(boot_ns, parent, REPLACED)])
                images[boot_ns, pid] = number
            number += 1
        return list(range(first, number))

    def _look_up(self, key: ImageKey) -> int | None:
        return self._lineage.look_up(self._connection, key)

    def end(self, ends: Iterable[End]) -> None:
        """Puts each end on the row of its image. Where there is none, its exec was lost, and
        counted as such."""
        images = self._lineage.ids
        pending, first = self._rows.pending, self._rows.first
        for boot_ns, key, status in ends:
            number = images.get(key) or self._look_up(key)
            if number is None:
                continue
            if 0 < first <= number:
                at = (number - first) * WIDTH + STATUS
                pending[at] = status
                pending[at + 1] = boot_ns - key[0]
            else:
                self._updates.append((status, boot_ns - key[0], number))
            self.ended.append(key)

    def flush(self) -> None:
        self._rows.flush(self._connection)
        if self._updates:
            self._connection.executemany(_UPDATE, self._updates)


_EVER = 1 << 63  # beyond every row
_CRASHED = (
    "UPDATE run SET ended = 'crashed', ended_ns = coalesce(alive_ns, started_ns)"
    " WHERE kind = 'collect' AND ended IS NULL"
)
_RUN = (
    "INSERT INTO run (kind, host, boot_id, kernel, version, started_ns, alive_ns)"
    " VALUES ('collect', ?, ?, ?, ?, ?, ?)"
)
_CLEAN = "UPDATE run SET ended = 'clean', ended_ns = ?, alive_ns = ? WHERE id = ?"
_COUNT = (
    "UPDATE run SET seen = ?, stored = ?, filtered = ?, lost = ?,"
    " started_ns = coalesce(?, started_ns), alive_ns = coalesce(?, alive_ns) WHERE id = ?"
)
_LOSS = insert_sql(
    "loss", ("run_id", "number", "cause", "from_ns", "to_ns", "lost"), conflict="REPLACE"
)
_CLOCK_SET = "INSERT INTO clock_set (run_id, before_ns, after_ns) VALUES (?, ?, ?)"
_UPDATE = "UPDATE image SET status = ?, duration_ns = ? WHERE id = ?"
