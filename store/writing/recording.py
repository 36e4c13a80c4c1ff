"""Writing: a run is one collector from start to stop; a batch is one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from sqlite3 import Connection

from execdb.store.account import NOTHING_MORE, Account, Counts
from execdb.store.errors import DatabaseError
from execdb.store.event import End, Exec, ImageKey
from execdb.store.file.database import Database
from execdb.store.file.sql import insert_sql
from execdb.store.file.text import storable
from execdb.store.segments.dictionary import BYTES_MAX
from execdb.store.segments.writer import SegmentWriter
from execdb.store.writing.batch import Batch
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
        self._writer = SegmentWriter()
        self._earlier: Earlier | None = None

    def keep_small(self, max_bytes: int | None) -> None:
        """Makes dictionaries smaller if the file may have so many bytes (None: no limit): retention
        cannot remove the one that is written to."""
        part = BYTES_MAX if max_bytes is None else max_bytes // 16
        self._writer.dictionary.bytes_max = min(BYTES_MAX, part)

    def inherit(self, rows: Mapping[ImageKey, tuple[int, bool]]) -> None:
        """Other keys of images that an earlier run has recorded: their rows, and whether they have
        ended."""
        for key, (row, ended) in rows.items():
            (self._lineage.ended if ended else self._lineage.running)[key] = row

    def know(self, images: Sequence[Exec]) -> list[ImageKey]:
        """Images that ran before this run began and may be parents. What an earlier run of this
        boot recorded or saw is that image; the others are stored, as rows of their own kind.
        Returns by which keys parents and ends will name them, the oldest first. Raises
        DatabaseError, and then nothing of it is stored and it may be tried again."""
        images = sorted(images, key=lambda image: (image.boot_ns, image.pid))
        before = dict(self._lineage.running)
        try:
            with self._database.reading() as connection:
                keys, new = self._recognise(connection, images)
            if new:
                with self._database.writing() as connection:
                    self._store_the_running(connection, new)
        except BaseException:
            self._lineage.running = before
            raise
        return keys

    def _recognise(
        self, connection: Connection, images: Sequence[Exec]
    ) -> tuple[list[ImageKey], list[Exec]]:
        """The key of each, and those that have no row. A program that took the place of one that
        is known has it for its parent."""
        if self._earlier is None:
            self._earlier = Earlier(connection, self._database.path, self.machine.boot_id)
        running = self._lineage.running
        keys: list[ImageKey] = []
        new: list[Exec] = []
        found = self._earlier.images_of(connection, images)
        for image, known in zip(images, found, strict=True):
            key = image.boot_ns, image.pid
            if key in running:
                image = image._replace(parent=self._lineage.step_aside(key))
            elif known is not None:
                running[known.key] = known.id
                if known.same:
                    running[key] = known.id  # its children name it by when its process began
                    keys.append(known.key)
                    continue
                above = self._lineage.step_aside(key) if known.key == key else known.key
                image = image._replace(parent=above)
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
        if not execs and not ends:
            with self._database.writing() as connection:
                self._keep(connection, counts, account)
            return []
        first = _EVER
        try:
            with self._database.writing() as connection:
                self._writer.begin(connection)
                first = self._writer.next_id
                batch = Batch(connection, self.run_id, self._writer, self._lineage)
                ids = batch.begin(execs)
                batch.end(ends)
                self._writer.flush(connection)
                self._keep(connection, counts, account)
        except BaseException:
            self._writer.rollback()
            self._lineage.undo(first)
            raise
        self._lineage.bound()
        return ids

    def parents_of(self, execs: Sequence[Exec]) -> list[int | None]:
        """The rows of the images that started execs which were just written; None where that is
        not known. Raises DatabaseError."""
        running, find = self._lineage.running, self._lineage.find
        keys = [each.parent for each in execs]
        found = [None if key is None else running.get(key) for key in keys]
        missing = [(n, key) for n, key in enumerate(keys) if key is not None and found[n] is None]
        if missing:
            with self._database.reading() as connection:
                for n, key in missing:
                    found[n] = find(connection, key)
        return found

    def _store_the_running(self, connection: Connection, images: Sequence[Exec]) -> None:
        """Their rows get ids below 0, and below those that are there, in order of boot_ns."""
        writer = SegmentWriter()
        writer.begin_below(connection, len(images))
        Batch(connection, self.run_id, writer, self._lineage).begin(images)
        writer.flush(connection)
        self._writer.rollback()  # its dictionary's next ids are taken now

    def finish(self, ended_ns: int, counts: Counts, account: Account = NOTHING_MORE) -> None:
        """Closes the run as clean, with its final ledger. Raises DatabaseError."""
        with self._database.writing() as connection:
            self._keep(connection, counts, account)
            connection.execute(_CLEAN, (ended_ns, ended_ns, self.run_id))

    def _keep(self, connection: Connection, counts: Counts, account: Account) -> None:
        """The ledger as of now."""
        started_ns, alive_ns, losses, clock_sets, filtered = account
        kept = connection.execute(_COUNT, (*counts, started_ns, alive_ns, self.run_id))
        if kept.rowcount != 1:
            raise DatabaseError(f"run {self.run_id} is not in the database any more: start again")
        if losses:
            rows = [(self.run_id, *loss) for loss in losses]
            connection.executemany(_LOSS, rows)
        if filtered:
            left_out = [(self.run_id, each.number, *each.by, *each[2:]) for each in filtered]
            connection.executemany(_FILTERED, left_out)
        if clock_sets:
            moments = [(self.run_id, *clock_set) for clock_set in clock_sets]
            connection.executemany(_CLOCK_SET, moments)


_EVER = 1 << 63  # beyond every row
_CRASHED = (
    "UPDATE run SET ended = 'crashed', ended_ns = coalesce(alive_ns, started_ns)"
    " WHERE kind = 'collect' AND ended IS NULL"
)
_RUN = (
    "INSERT INTO run (kind, host, boot_id, kernel, version, started_ns, alive_ns, global_id)"
    " VALUES ('collect', ?, ?, ?, ?, ?, ?, random() & 9223372036854775807)"
)
_CLEAN = "UPDATE run SET ended = 'clean', ended_ns = ?, alive_ns = ? WHERE id = ?"
_COUNT = (
    "UPDATE run SET seen = ?, stored = ?, filtered = ?, lost = ?,"
    " started_ns = coalesce(?, started_ns), alive_ns = coalesce(?, alive_ns) WHERE id = ?"
)
_LOSS = insert_sql(
    "loss", ("run_id", "number", "cause", "from_ns", "to_ns", "lost"), conflict="REPLACE"
)
_FILTERED = insert_sql(
    "filtered",
    ("run_id", "number", "cause", "rule", "uid", "from_ns", "to_ns", "filtered"),
    conflict="REPLACE",
)
_CLOCK_SET = "INSERT INTO clock_set (run_id, before_ns, after_ns) VALUES (?, ?, ?)"
