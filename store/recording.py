"""Writing: one collector life is one run; one batch is one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from execdb.store import schema
from execdb.store.database import Database
from execdb.store.event import REPLACED, Counts, End, Exec, ImageKey
from execdb.store.intern import Interner, storable
from execdb.store.lineage import Lineage


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
        self._interner = Interner()
        run = schema.run
        with database.writing() as connection:
            connection.execute(
                update(run)
                .where(run.c.kind == "collect", run.c.ended.is_(None))
                .values(ended="crashed", ended_ns=_last_sign_of_life())
            )
            done = connection.execute(
                insert(run).values(
                    kind="collect",
                    host=machine.host,
                    boot_id=machine.boot_id,
                    kernel=machine.kernel,
                    version=version,
                    started_ns=started_ns,
                )
            )
            assert done.inserted_primary_key is not None
            self.run_id: int = done.inserted_primary_key[0]
            # What an earlier collector had confirmed is in no kernel any more.
            connection.execute(update(schema.config_state).values(kernel_generation=0))
        self._lineage = Lineage(self.run_id)
        self._version: tuple[int, int] | None = None
        self._next = 1

    def know(self, images: Sequence[Exec]) -> None:
        """Images that ran before this run began and may turn out to be parents."""
        self._lineage.know(images)

    def write(self, execs: Sequence[Exec], ends: Sequence[End], counts: Counts) -> list[int]:
        """Stores a batch and the ledger so far in one transaction; returns the execs' row ids.
        Raises DatabaseError, and then nothing of it is stored and it may be tried again."""
        try:
            with self._database.writing() as connection:
                self._continue(connection)
                batch = _Batch(connection, self.run_id, self._next, self._interner, self._lineage)
                ids = batch.begin(execs)
                batch.end(ends)
                self._interner.flush(connection)
                batch.flush()
                self._count(connection, counts)
        except BaseException:
            self._interner.forget()
            self._version = None
            raise
        self._next = batch.next
        self._version = self._database.version()
        self._lineage.update(batch.began, batch.ended)
        return ids

    def _continue(self, connection: Connection) -> None:
        """Ids go on where they stopped, unless someone else has written rows, too."""
        if self._database.version() != self._version:
            self._interner.begin(connection)
            self._next = (connection.scalar(select(func.max(schema.image.c.id))) or 0) + 1

    def finish(self, ended_ns: int, counts: Counts) -> None:
        """Closes the run as clean, with its final ledger."""
        run = schema.run
        with self._database.writing() as connection:
            self._count(connection, counts)
            connection.execute(
                update(run).where(run.c.id == self.run_id).values(ended="clean", ended_ns=ended_ns)
            )

    def _count(self, connection: Connection, counts: Counts) -> None:
        connection.exec_driver_sql(_COUNT, (*counts, self.run_id))


class _Batch:
    """The rows of one transaction. An end finds its row here or, further back, in the table.

    `begin` and `end` run for every exec on the recorded machine, so their common case is
    written out: one look-up for each thing that is known.
    """

    def __init__(
        self,
        connection: Connection,
        run_id: int,
        first: int,
        interner: Interner,
        lineage: Lineage,
    ) -> None:
        self._connection, self._run_id = connection, run_id
        self._interner, self._lineage = interner, lineage
        self._first = first
        self._rows: list[list[Any]] = []
        self._rare: list[tuple[Any, ...]] = []  # columns that few rows have
        self._updates: list[tuple[int, int, int]] = []
        self.began: dict[ImageKey, int] = {}
        self.ended: list[ImageKey] = []

    def begin(self, execs: Iterable[Exec], seen: int | None = None) -> list[int]:
        """A row for each event; before it, for ancestors of it that were seen, not recorded.
        Returns the events' ids."""
        commands, creds_ids = self._interner.commands, self._interner.creds
        places, run_id = self._interner.places, self._run_id
        rows, began, known = self._rows, self.began, self._lineage.ids
        ids, replaced = [], []
        for event in execs:
            (time_ns, boot_ns, pid, ppid, creds, command, place, parent, replaces, errno,
             caller) = event  # fmt: skip
            if parent is None:
                parent_id = None
            else:
                parent_id = began.get(parent) or known.get(parent) or self._ancestor(parent)
            number = self._first + len(rows)
            rows.append(
                [number, run_id, time_ns, boot_ns, pid, ppid, creds_ids[creds], commands[command],
                 places[place], parent_id, None, None]
            )  # fmt: skip
            ids.append(number)
            if errno is not None or caller is not None or seen is not None:
                self._rare.append((errno, storable(caller), seen, number))
            if errno is None:
                began[boot_ns, pid] = number
                if replaces and parent is not None:
                    replaced.append(End(boot_ns, parent, REPLACED))
        if replaced:
            self.end(replaced)
        return ids

    def _ancestor(self, key: ImageKey) -> int | None:
        """The row of an image that is not known by heart; one that was only seen gets it now."""
        seen = self._lineage.seen(key)
        if seen is not None:
            return self.begin([seen], seen=1)[0]
        return self._lineage.look_up(self._connection, key)

    def end(self, ends: Iterable[End]) -> None:
        """Puts each end on the row of its image. Where there is none, its exec was lost, and
        counted as such."""
        rows, began, known, first = self._rows, self.began, self._lineage.ids, self._first
        for boot_ns, key, status in ends:
            number = began.get(key) or known.get(key)
            if number is None:
                number = self._lineage.look_up(self._connection, key)
            if number is None:
                continue
            if number >= first:
                rows[number - first][_STATUS : _STATUS + 2] = status, boot_ns - key[0]
            else:
                self._updates.append((status, boot_ns - key[0], number))
            self.ended.append(key)

    @property
    def next(self) -> int:
        """The first id that is free behind the batch."""
        return self._first + len(self._rows)

    def flush(self) -> None:
        if self._rows:
            self._connection.exec_driver_sql(_INSERT, list(map(tuple, self._rows)))
        if self._rare:
            self._connection.exec_driver_sql(_UPDATE_RARE, self._rare)
        if self._updates:
            self._connection.exec_driver_sql(_UPDATE, self._updates)


_COLUMNS = list(schema.image.c.keys())[:12]  # up to duration_ns; the others come by update
_STATUS = _COLUMNS.index("status")
_INSERT = f"INSERT INTO image ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_UPDATE_RARE = "UPDATE image SET errno = ?, caller = ?, seen = ? WHERE id = ?"
_COUNT = "UPDATE run SET seen = ?, stored = ?, filtered = ?, lost = ? WHERE id = ?"
_UPDATE = "UPDATE image SET status = ?, duration_ns = ? WHERE id = ?"


def _last_sign_of_life() -> ColumnElement[int]:
    """The time of the run's last row, else its start."""
    run, image = schema.run, schema.image
    last = select(func.max(image.c.time_ns)).where(image.c.run_id == run.c.id).scalar_subquery()
    return func.coalesce(last, run.c.started_ns)
