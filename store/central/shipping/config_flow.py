"""Brings the config of the central store to the host's file, and tells what became of it.

Nothing is remembered here: what is in the file and in the kernel is read each time.
"""

import os
from typing import TYPE_CHECKING

from execdb.store.central.config.documents import ForHost, read_for_host
from execdb.store.central.shipping.notes import HOST
from execdb.store.central.text import to_central
from execdb.store.central.url import CentralUrl
from execdb.store.config.managed.following import follow, release
from execdb.store.config.managed.state import Managed, managed
from execdb.store.config.managed.wording import text_of
from execdb.store.config.snapshot import read_config
from execdb.store.errors import ExecdbError
from execdb.store.file.database import Database
from execdb.store.file.locks.collector_lock import collector_pid
from execdb.store.file.sql import scalar
from execdb.store.file.text import readable

if TYPE_CHECKING:
    from psycopg import Connection

_WHY_MAX = 1_000  # characters


class ConfigFlow:
    """For one file and one connection."""

    def __init__(
        self, database: Database, connection: "Connection", url: CentralUrl, group: str | None
    ) -> None:
        self._database, self._connection = database, connection
        self._store, self._group = str(url), group

    def step(self) -> None:
        """Raises DatabaseError, and the driver's errors. What the file refuses is told to the
        store."""
        host = self._host()
        wanted = read_for_host(self._connection, host, self._group)
        error = None
        try:
            if wanted is not None:
                error = self._follow(wanted)
            elif self._managed() is not None:
                release(self._database)
        except ExecdbError as refused:
            error = str(refused)
        self._tell(host, None if wanted is None else wanted.generation, error)

    def _host(self) -> str:
        """As the latest run has it, which is also how it is shipped."""
        with self._database.reading() as connection:
            found = scalar(connection, HOST)
        return readable(found) if isinstance(found, str | bytes) else os.uname().nodename

    def _managed(self) -> Managed | None:
        with self._database.reading() as connection:
            return managed(connection)

    def _follow(self, wanted: ForHost) -> str | None:
        """Why the file does not have it."""
        if wanted.wanted is None:
            return wanted.why
        with self._database.reading() as connection:
            known, config = managed(connection), read_config(connection)
        same = not config.refused and text_of(config) == text_of(wanted.wanted)
        if known is None or (known.store, known.in_file) != (self._store, wanted.generation):
            same = False
        if not same:
            follow(self._database, self._store, wanted.generation, wanted.wanted)
        return None

    def _tell(self, host: str, wanted: int | None, error: str | None) -> None:
        known = self._managed()
        recorded = collector_pid(self._database.path) is not None
        in_kernel = known.in_kernel if known is not None and recorded else None
        if error is None and known is not None and not recorded:
            error = "no collector is running"
        in_file = None if known is None else known.in_file
        names = to_central(host), None if self._group is None else to_central(self._group)
        why = None if error is None else to_central(error)[:_WHY_MAX]
        self._connection.execute(_TELL, (*names, wanted, in_file, in_kernel, why))


_TELL = (
    b"INSERT INTO execdb.host_config AS known (host, host_group, wanted, in_file, in_kernel, error)"
    b" VALUES (%s, %s, %s, %s, %s, %s)"
    b" ON CONFLICT (host, shipper) DO UPDATE SET host_group = excluded.host_group,"
    b" wanted = excluded.wanted, in_file = excluded.in_file, in_kernel = excluded.in_kernel,"
    b" error = excluded.error"
)
