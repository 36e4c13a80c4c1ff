"""Ships one file to one central store: each row once, whatever happens in between.

The store itself holds the cursor of each run, and moves it in the transaction that adds the rows.
So nothing has to be remembered here, and a store that was restored from a backup gets again what
it lacks, as long as the file has it.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from sqlite3 import Connection as File
from typing import NamedTuple

from execdb.store.central.connection import check_revision, connect
from execdb.store.central.errors import CentralError
from execdb.store.central.shipping.config_flow import ConfigFlow
from execdb.store.central.shipping.delivery import Delivery, OvertakenError
from execdb.store.central.shipping.local_run import central_id, ids_of_runs, read_run
from execdb.store.central.shipping.notes import Notes
from execdb.store.central.shipping.outbox import Outbox
from execdb.store.central.shipping.state import FORKS_MAX, RunState, is_of, read_details, read_state
from execdb.store.central.url import CentralUrl
from execdb.store.central.watchdog import deadline
from execdb.store.file.sql import scalar
from execdb.store.segments.run import RunRow

_LOST_RACES_MAX = 5  # in a row


class Shipped(NamedTuple):
    """What one step shipped; `more` if there is more to ship at once."""

    events: int
    ends: int
    more: bool


@dataclass(frozen=True)
class ShipOptions:
    """`answer_s`: how long the store may take for one transaction; `config`: take the config of
    this host from the store."""

    group: str | None = None
    answer_s: float = 30.0
    config: bool = False


class Shipper:
    """One connection to the store. After any error make another one: it reads again what is there.
    Raises CentralError, DatabaseError."""

    def __init__(self, outbox: Outbox, url: CentralUrl, options: ShipOptions) -> None:
        self._outbox, self._url, self._options = outbox, url, options
        self._database = outbox.database
        self._states: dict[int, RunState] = {}
        self._complete: set[int] = set()
        self._races = 0
        self.connection = connect(url, name="execdb ship")
        try:
            with deadline(self.connection, url, options.answer_s):
                check_revision(self.connection, url)
        except BaseException:
            self.connection.close()
            raise
        self._delivery = Delivery(self.connection, options.group)
        self._notes = Notes(self._database, self.connection)
        self._config = ConfigFlow(self._database, self.connection, url, options.group)

    @property
    def encrypted(self) -> bool:
        """Whether the connection is, or does not leave the machine."""
        host = self.connection.info.host
        local = host.startswith("/") or host in ("localhost", "127.0.0.1", "::1")
        return local or bool(self.connection.pgconn.ssl_in_use)

    def close(self) -> None:
        self.connection.close()

    def step(self) -> Iterator[Shipped]:
        """One transaction for each run that is not complete in the store. The config comes first:
        it must not wait for a long backlog."""
        if self._options.config:
            with deadline(self.connection, self._url, self._options.answer_s):
                self._config.step()
        with self._database.reading() as connection:
            runs = ids_of_runs(connection)
        for run_id in runs:
            if run_id not in self._complete:
                yield self._ship(run_id)
        with deadline(self.connection, self._url, self._options.answer_s):
            more = self._notes.ship()
        yield Shipped(0, 0, more)

    def _ship(self, run_id: int) -> Shipped:
        with deadline(self.connection, self._url, self._options.answer_s):
            state = self._states.get(run_id) or self._begin(run_id)
        if state.complete:
            self._complete.add(run_id)
            return Shipped(0, 0, False)
        portion = self._outbox.next(run_id, state)
        try:
            with deadline(self.connection, self._url, self._options.answer_s):
                self._delivery.write(portion, state, time.time_ns())
        except OvertakenError:
            del self._states[run_id]
            self._races += 1
            if self._races > _LOST_RACES_MAX:
                raise CentralError(
                    f"{self._url} does not let this login change run {state.run_id}: another one "
                    "began it, or several forwarders ship the same file"
                ) from None
            return Shipped(0, 0, True)
        self._races = 0
        if portion.complete:
            self._complete.add(run_id)
            del self._states[run_id]
        return Shipped(len(portion.rows), len(portion.ends), portion.more)

    def _begin(self, run_id: int) -> RunState:
        """Finds, or makes, the run in the store that this file continues."""
        with self._database.reading() as connection:
            run = read_run(connection, run_id)
        for fork in range(FORKS_MAX):
            number = central_id(run, fork)
            found = read_state(self.connection, number)
            if found is None:
                self._delivery.begin(run, number)
                found = read_state(self.connection, number)
            if found and is_of(found[0], run) and self._continues(run, found[1]):
                if not found[1].complete:
                    read_details(self.connection, found[1])
                    self._states[run_id] = found[1]
                return found[1]
        raise CentralError(f"{self._url} has {FORKS_MAX} other copies of run {run_id}")

    def _continues(self, run: RunRow, state: RunState) -> bool:
        """Whether the file holds what was shipped of the run. It does not if another machine goes
        on with a copy of the file, or this one with an older copy."""
        with self._database.reading() as connection:
            last = _last_shipped(connection, run.id, state.shipped_id)
            newest = _last_shipped(connection, run.id, _EVER)
        if last is None or state.shipped_to_ns is None:
            return True  # it was pruned, or nothing was shipped yet
        if last[0] == state.shipped_id:
            return last[1] == state.shipped_to_ns
        if last != newest:
            return True  # it was removed from between others
        return self._has(state.run_id, *last)

    def _has(self, run_id: int, id_: int, time_ns: int) -> bool:
        """Whether the store has this row, or does not know any more."""
        row = self.connection.execute(_NANOS, (run_id, id_, run_id, id_)).fetchone()
        return row is None or row[0] * 1_000 + row[1] == time_ns


def _last_shipped(connection: File, run_id: int, up_to: int) -> tuple[int, int] | None:
    """Id and time of the run's last row up to an id."""
    id_ = scalar(connection, _LAST_ID, (up_to, run_id))
    if not isinstance(id_, int):
        return None
    time_ns = scalar(connection, "SELECT time_ns FROM image WHERE id = ?", (id_,))
    return (id_, time_ns) if isinstance(time_ns, int) else None


_EVER = (1 << 63) - 1
_LAST_ID = (
    "SELECT max(min(last_id, ?1)) FROM segment WHERE run_id = ?2 AND first_id BETWEEN 1 AND ?1"
)
_NANOS = (
    b"SELECT (extract(epoch FROM time) * 1000000)::bigint, nanos FROM execdb.exec"
    b" WHERE run_id = %s AND id = %s UNION ALL"
    b" SELECT (extract(epoch FROM time) * 1000000)::bigint, nanos FROM execdb.exec_stray"
    b" WHERE run_id = %s AND id = %s"
)
