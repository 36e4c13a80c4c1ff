"""What comes to a central store, as the page shows it."""

from collections.abc import Callable, Sequence

from execdb.store.central.asking.central_store import CentralStore
from execdb.store.central.asking.session import Session
from execdb.store.central.errors import CentralError
from execdb.store.central.following.following import Following
from execdb.store.event import Event
from execdb.store.reading.filter import Filter
from execdb.store.reading.following import while_running

_RUNNING_MAX = 2_000  # programs of before whose ends are waited for: the latest
_PAUSE_S = 1.0  # forwarders look each 5 s
_SOON_S = 0.1  # while there is more


class ComingToCentral:
    """As `store.asking.coming.Coming`. Each look is a part of the request in which it is made."""

    def __init__(self, session: Callable[[], Session], store: CentralStore, wanted: Filter) -> None:
        """`session` begins that of a request, `store` is that of this one. Raises UsageError,
        CentralError."""
        self._session = session
        self._following = Following(session(), store, wanted)
        self.removed = 0
        for event in store.running(while_running(wanted), _RUNNING_MAX):
            if event.id > 0:  # the page lists no programs that ran before a collector
                self.wait_for_end(event)

    @property
    def pause_s(self) -> float:
        following = self._following
        return _SOON_S if following.is_behind or following.running.may_have_ended else _PAUSE_S

    @property
    def family(self) -> Sequence[int]:
        return self._following.family

    @property
    def has_hosts(self) -> bool:
        return self._following.has_hosts

    def started(self) -> list[Event]:
        try:
            session = self._session()
            self._following.look(session)
            events, removed = self._following.next_started(session)
        except CentralError:
            self._following.again()
            raise
        self.removed += removed
        return events

    def wait_for_end(self, event: Event) -> object:
        return self._following.running.add(event)

    def ended(self) -> list[Event]:
        try:
            return self._following.next_ended(self._session())
        except CentralError:
            self._following.again()
            raise
