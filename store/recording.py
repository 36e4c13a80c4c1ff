"""Writing: one collector life is one run; one batch is one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from execdb.store import schema
from execdb.store.database import Database
from execdb.store.event import Counts, Exec
from execdb.store.intern import Interner, insert_sql


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
        self._insert = insert_sql(schema.image)
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

    def write(self, execs: Sequence[Exec], counts: Counts) -> int:
        """Stores a batch and the ledger so far in one transaction; returns the first row's id.
        Raises DatabaseError, and then nothing of it is stored."""
        interner, run_id = self._interner, self.run_id
        command_id, creds_id = interner.commands.id, interner.creds.id
        try:
            with self._database.writing() as connection:
                first = (connection.scalar(select(func.max(schema.image.c.id))) or 0) + 1
                interner.begin(connection)
                rows = [
                    (number, run_id, e[0], e[1], e[2], e[3], creds_id(e[4]), command_id(e[5]))
                    for number, e in enumerate(execs, first)
                ]
                interner.flush(connection)
                if rows:
                    connection.exec_driver_sql(self._insert, rows)
                self._count(connection, counts)
        except BaseException:
            interner.forget()
            raise
        return first

    def finish(self, ended_ns: int, counts: Counts) -> None:
        """Closes the run as clean, with its final ledger."""
        with self._database.writing() as connection:
            self._count(connection, counts, ended="clean", ended_ns=ended_ns)

    def _count(self, connection: Connection, counts: Counts, **more: object) -> None:
        values = {**counts._asdict(), **more}
        connection.execute(update(schema.run).where(schema.run.c.id == self.run_id).values(values))


def _last_sign_of_life() -> ColumnElement[int]:
    """The time of the run's last row, else its start."""
    run, image = schema.run, schema.image
    last = select(func.max(image.c.time_ns)).where(image.c.run_id == run.c.id).scalar_subquery()
    return func.coalesce(last, run.c.started_ns)
