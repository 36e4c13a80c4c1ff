"""What is new in the ledger since it was last looked at: losses, runs that end and begin."""

from collections.abc import Iterator
from operator import index
from sqlite3 import Connection
from typing import Any, NamedTuple

from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database
from execdb.store.file.text import readable
from execdb.store.ledger.coverage import Kind, Period, Why


class RunEnded(NamedTuple):
    """A collector has ended as it should."""

    time_ns: int


class News:
    """Raises DatabaseError if the ledger has values that are no numbers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked = False
        self._latest: Any = None  # the row of _RUNS of the latest run
        self._lost: dict[tuple[int, int], tuple[int, int]] = {}  # by run and number: lost, until
        self.look()

    @property
    def recording(self) -> bool:
        """Whether the latest run has no end."""
        return self._latest is not None and self._latest[2] is None

    def look(self) -> list[Period | RunEnded]:
        """In the order of time. The first look finds nothing new."""
        with self._database.reading() as connection:
            try:
                return list(self._look(connection))
            except TypeError as error:
                raise DatabaseError(
                    f"{self._database.path} is inconsistent: its ledger has a time or a count "
                    "that is no number"
                ) from error

    def _look(self, connection: Connection) -> Iterator[Period | RunEnded]:
        first, self._looked = not self._looked, True
        since = 0 if self._latest is None else self._latest[0]
        rows = connection.execute(_RUNS, (since,)).fetchall()
        for row in rows[-1:] if first else rows:
            run_id, started_ns, ended, ended_ns, lost = row
            before, self._latest = self._latest, row
            if before is not None and before[0] != run_id:
                why = Why.STOPPED if before[2] == "clean" else Why.CRASH
                yield Period(Kind.BLIND, index(before[3]), index(started_ns), why)
                before = None
            if before is None or lost != before[4]:
                losses = list(self._losses(connection, run_id))
                if not first:
                    yield from losses
            if ended == "clean" and not first and (before is None or before[2] is None):
                yield RunEnded(index(ended_ns))

    def _losses(self, connection: Connection, run_id: int) -> Iterator[Period]:
        for number, cause, from_ns, to_ns, lost in connection.execute(_LOSSES, (run_id,)):
            known, until_ns = self._lost.get((run_id, number), (0, index(from_ns)))
            if index(lost) > known:
                self._lost[run_id, number] = lost, index(to_ns)
                more = ((str(readable(cause)), lost - known),)
                yield Period(Kind.LOSSY, until_ns, index(to_ns), run_id=run_id, lost=more)


_RUNS = """
SELECT id, started_ns, ended, coalesce(ended_ns, alive_ns, started_ns), lost
FROM run WHERE kind = 'collect' AND id >= ? ORDER BY id
"""
_LOSSES = "SELECT number, cause, from_ns, to_ns, lost FROM loss WHERE run_id = ? ORDER BY number"
