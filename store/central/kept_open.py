"""A central store that is asked again and again, by one connection: as the page does it."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from execdb.store.central.asking.browsing.browsed import BrowsedCentral
from execdb.store.central.asking.central_store import CentralStore
from execdb.store.central.asking.session import Session, connect_to_ask
from execdb.store.central.connection import central_errors, what_connects
from execdb.store.central.errors import CentralError
from execdb.store.central.following.coming import ComingToCentral
from execdb.store.central.url import CentralUrl
from execdb.store.central.watchdog import deadline
from execdb.store.reading.filter import Filter

if TYPE_CHECKING:
    from psycopg import Connection

_CONNECT_S = 3
_ROLLBACK_S = 1.0


class KeptCentral:
    """Each request is one read-only transaction. A connection that is lost is made again by the
    next request. Raises CentralError."""

    local = False

    def __init__(self, url: CentralUrl, answer_s: float) -> None:
        """`answer_s` is the most that the server may take for a question."""
        self._url, self._answer_s = url, answer_s
        self._connection: Connection | None = None
        self._known: str | None = None
        self._session: Session | None = None  # of this request
        self._now: BrowsedCentral | None = None

    def __str__(self) -> str:
        return str(self._url)

    def now(self) -> BrowsedCentral:
        if self._now is None:
            self._now = CentralStore(self._asked()).browsed()
        return self._now

    def _asked(self) -> Session:
        if self._session is None:
            self._session = self._new_session()
        return self._session

    def _new_session(self) -> Session:
        if self._connection is not None:
            with suppress(CentralError):  # the server may have been started again meanwhile
                return self._begun(self._connection)
            self.close()
        connection = connect_to_ask(self._url, self._known, _CONNECT_S)
        self._connection = connection
        self._known = self._known or what_connects(connection, self._url)
        return self._begun(connection)

    def _begun(self, connection: "Connection") -> Session:
        with deadline(connection, self._url, self._answer_s):
            session = Session(self._url, connection)
            session.answer_s = self._answer_s
            session.rows(_AT_MOST, [f"{self._answer_s}s"] * 2)
        return session

    def watch(self, is_late: Callable[[], bool]) -> None:
        """The server has the time from `answer_s`."""

    def release(self) -> None:
        self._now = self._session = None
        if self._connection is None:
            return
        from psycopg.pq import TransactionStatus

        status = self._connection.info.transaction_status
        if status is TransactionStatus.IDLE:
            return
        if status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            with suppress(CentralError):
                with deadline(self._connection, self._url, _ROLLBACK_S), central_errors(self._url):
                    self._connection.rollback()
                return
        self.close()  # nobody knows what is still to come on it

    def collector(self) -> int | None:
        return None

    def coming(self, wanted: Filter) -> ComingToCentral:
        return ComingToCentral(self._asked, CentralStore(self._asked()), wanted)

    def close(self) -> None:
        """The connection. A question afterwards makes another one, with what the first one was
        made of, passwords included: this process may have become someone who cannot read them."""
        self._now = self._session = None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


_AT_MOST = (
    "SELECT set_config('statement_timeout', %s, true)"
    " WHERE current_setting('statement_timeout')::interval NOT BETWEEN '1ms' AND %s::interval"
)
