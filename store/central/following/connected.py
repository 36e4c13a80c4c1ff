"""Follows a central store by a connection of its own."""

from collections.abc import Iterator
from contextlib import ExitStack

from execdb.store.central.asking.central_store import CentralStore
from execdb.store.central.asking.session import Session, open_session
from execdb.store.central.following.following import Following
from execdb.store.central.following.news import HostEnded
from execdb.store.central.url import CentralUrl
from execdb.store.event import Event
from execdb.store.ledger.coverage import Period
from execdb.store.reading.filter import Filter

_ANSWER_S = 30


class Connected:
    """`store` is that of the moment from which on it follows, to be asked before the first `look`.
    Raises CentralError; after `reopen` nothing is missing or there twice."""

    def __init__(self, url: CentralUrl, wanted: Filter) -> None:
        """Raises UsageError as `Following` does."""
        self._url = url
        self._stack = ExitStack()
        self._session = self._open()
        self.store = CentralStore(self._session)
        self.following = Following(self._session, self.store, wanted)

    def _open(self) -> Session:
        return self._stack.enter_context(open_session(self._url))

    def close(self) -> None:
        self._stack.close()

    def reopen(self) -> None:
        """After an error."""
        self._stack.close()
        self._session = self._open()
        self.following.again()

    def look(self) -> tuple[list[Period | HostEnded], list[tuple[str, int]]]:
        """What the ledgers say, and hosts that are silent now."""
        self._session.answer_s = _ANSWER_S
        with self._session.moment():
            news = self.following.look(self._session)
        return news, self.following.silent()

    def starts(self) -> Iterator[tuple[list[Event], int]]:
        """What has come until the latest look, in parts, as `Following.next_started`."""
        while self.following.is_behind:
            with self._session.moment():
                part = self.following.next_started(self._session)
            yield part

    def ended(self) -> Iterator[list[Event]]:
        """Those of the events waited for that have ended, in parts."""
        while self.following.running.may_have_ended:
            with self._session.moment():
                part = self.following.next_ended(self._session)
            yield part
