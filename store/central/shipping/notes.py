"""Ships marks and the log of the config, which belong to a host, not to a run."""

from typing import TYPE_CHECKING, Any

from execdb.store.central.tables.ddl import NOTES
from execdb.store.central.text import to_central
from execdb.store.file.column_types import check_rows
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.file.text import readable

if TYPE_CHECKING:
    from psycopg import Connection

_ROWS = 1_000  # in one transaction


class Notes:
    """Continues after the latest row that this login has shipped of this host, if the file has the
    same one. If it has another row with that id, it is another file: then all rows are sent, and
    the store ignores those that it has."""

    def __init__(self, database: Database, connection: "Connection") -> None:
        self._database, self._connection = database, connection
        self._after: dict[tuple[str, str], int] = {}

    def ship(self) -> bool:
        """The next ones; whether there may be more. Raises DatabaseError, the driver's errors."""
        with self._database.reading() as connection:
            found = scalar(connection, HOST)
        if not isinstance(found, str | bytes):
            return False
        host = readable(found)
        more = False
        for table in NOTES:
            more |= self._ship(table, host)
        return more

    def _ship(self, table: str, host: str) -> bool:
        after = self._after.get((host, table))
        if after is None:
            after = self._last(table, host)
        with self._database.reading() as connection:
            rows = connection.execute(_SELECT[table], (after, _ROWS)).fetchall()
            check_rows(connection, table, rows)
        if rows:
            values = [(to_central(host), *map(_central, row)) for row in rows]
            with self._connection.transaction(), self._connection.cursor() as cursor:
                cursor.executemany(_INSERT[table], values)
            after = rows[-1][0]
        self._after[host, table] = after
        return len(rows) == _ROWS

    def _last(self, table: str, host: str) -> int:
        last = self._connection.execute(_LAST[table], (to_central(host),)).fetchone()
        if last is None:
            return 0
        with self._database.reading() as connection:
            time_ns = scalar(connection, _TIME[table], (last[0],))
        return int(last[0]) if time_ns == last[1] else 0


def _central(value: Any) -> Any:
    return to_central(readable(value)) if isinstance(value, str | bytes) else value


HOST = "SELECT host FROM run WHERE kind = 'collect' ORDER BY id DESC LIMIT 1"
_SELECT = {
    table: f"SELECT {', '.join(columns)} FROM {table} WHERE id > ? ORDER BY id LIMIT ?"
    for table, columns in NOTES.items()
}
_TIME = {table: f"SELECT time_ns FROM {table} WHERE id = ?" for table in NOTES}
_INSERT = {
    table: (
        f"INSERT INTO execdb.{table} (host, {', '.join(columns)})"
        f" VALUES (%s{', %s' * len(columns)}) ON CONFLICT DO NOTHING"
    ).encode()
    for table, columns in NOTES.items()
}
_LAST = {
    table: (
        f"SELECT id, time_ns FROM execdb.{table} WHERE host = %s AND shipper = session_user"
        " ORDER BY id DESC, time_ns DESC LIMIT 1"
    ).encode()
    for table in NOTES
}
