"""One read-only transaction of a central store, in which a command asks all that it asks; one
that follows what comes renews it."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from execdb.store.central.connection import (
    CONNECT_S,
    central_errors,
    check_revision,
    connect,
)
from execdb.store.central.errors import CentralError
from execdb.store.central.url import CentralUrl
from execdb.store.central.watchdog import deadline

if TYPE_CHECKING:
    from psycopg import Connection

ANSWER_S = 120
_GRACE_S = 15.0  # until the connection is closed by us
_PAGE = 1_000  # rows that are fetched at a time
_CANCELED = "57014"
_WORK_MEM = "64MB"  # for each sort and each table of groups of a sum


class Session:
    """All answers are of one moment, up to `renew`. Raises CentralError."""

    def __init__(self, url: CentralUrl, connection: "Connection") -> None:
        self.url, self._connection = url, connection
        self.answer_s: float = (
            ANSWER_S  # for each statement, unless the login or the URL says otherwise
        )
        self._numbers = count(1)
        self._begin()

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Inside, answers are of one later moment. Outside nothing may be asked any more: the
        server then keeps no old rows for a reader that waits."""
        self._end()
        self._begin()
        yield
        self._end()

    def _end(self) -> None:
        with self._asking():
            self._connection.commit()

    def _begin(self) -> None:
        self._joins_by_day = False
        row = self.rows("SELECT current_setting('statement_timeout')::interval > '0'")[0]
        # In the transaction alone: a pooler may give the connection to others.
        if not row[0]:
            self.rows(f"SELECT set_config('statement_timeout', '{self.answer_s}s', true)")
        # Compiling a query for each of many partitions takes longer than most of them run.
        self.rows("SELECT set_config('jit', 'off', true)")

    def join_by_day(self) -> None:
        """For sums over many days: each is joined with its ends. It takes longer to plan."""
        if not self._joins_by_day:
            self._joins_by_day = True
            self.rows(
                "SELECT set_config('enable_partitionwise_join', 'on', true),"
                f" set_config('work_mem', '{_WORK_MEM}', true)"
            )

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of an answer that is known to be short."""
        with self._asking():
            return self._connection.execute(sql.encode(), values).fetchall()

    def stream(
        self, sql: str, values: Sequence[Any] = (), page: int = _PAGE
    ) -> Generator[tuple[Any, ...], None, None]:
        """The rows of an answer that may be long, by a cursor of the server, `page` at a time."""
        with closing(self._connection.cursor(f"execdb{next(self._numbers)}", binary=True)) as rows:
            with self._asking():
                rows.execute(sql.encode(), values)
            while True:
                with self._asking():
                    some = rows.fetchmany(page)
                yield from some
                if len(some) < page:
                    return

    def sums(self, sql: str, values: Sequence[Any] = ()) -> Generator[tuple[Any, ...], None, None]:
        """The rows of an answer that adds up many rows. Unlike what a cursor reads, several
        processes of the server work on it side by side. Nothing else may be asked meanwhile."""
        with self._asking(), self._connection.cursor(binary=True) as cursor:
            yield from cursor.stream(sql.encode(), values)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """A question to the server, which gets its time to answer."""
        try:
            with deadline(self._connection, self.url, self.answer_s + _GRACE_S):
                yield
        except CentralError as error:
            if getattr(error.__cause__, "sqlstate", None) == _CANCELED:
                raise CentralError(
                    f"{self.url} stopped a question that took too long: ask for a shorter time, "
                    "or for one host"
                ) from error
            raise


@contextmanager
def open_session(url: CentralUrl) -> Iterator[Session]:
    """Raises CentralError, also if the schema is not of this program's revision."""
    with closing(connect_to_ask(url)) as connection:
        yield Session(url, connection)


def connect_to_ask(
    url: CentralUrl, known: str | None = None, connect_s: int = CONNECT_S
) -> "Connection":
    """A connection for read-only transactions; `known` as for `connect`. Raises CentralError."""
    connection = connect(url, name="execdb", known=known, connect_s=connect_s)
    from psycopg import IsolationLevel

    try:
        with deadline(connection, url, ANSWER_S):
            check_revision(connection, url)
            _check_rights(connection, url)
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            connection.autocommit = False
    except BaseException:
        connection.close()
        raise
    return connection


def _check_rights(connection: "Connection", url: CentralUrl) -> None:
    """Raises CentralError unless events may be read."""
    with central_errors(url):
        found = connection.execute(_MAY_READ).fetchone()
    if found is None or not found[0]:
        raise CentralError(
            f"{url}: this login may not read events: make it a member of execdb_reader"
        )


_MAY_READ = b"SELECT has_column_privilege('execdb.exec', 'argv', 'SELECT')"
