"""A central store, asked as the page asks."""

import time
from collections.abc import Callable, Sequence

from execdb.store.browsing.facets import Facets
from execdb.store.browsing.happenings import Filtered, Happening
from execdb.store.browsing.pages import Identity, Moment, Page, Siblings
from execdb.store.browsing.survey import Survey
from execdb.store.central.asking import ledger, notes
from execdb.store.central.asking.browsing import happenings
from execdb.store.central.asking.browsing.counting import survey
from execdb.store.central.asking.browsing.paging import Paging
from execdb.store.central.asking.browsing.relatives import Relatives
from execdb.store.central.asking.extent import extent_of
from execdb.store.central.asking.kin import Kin
from execdb.store.central.asking.reading import Reading
from execdb.store.central.asking.roster import Roster
from execdb.store.central.asking.session import Session
from execdb.store.event import Event
from execdb.store.ledger.coverage import Coverage
from execdb.store.reading.filter import Filter


def never() -> bool:
    """For what may take as long as it takes."""
    return False


class BrowsedCentral:
    """Raises CentralError. All that it answers is of one moment."""

    def __init__(self, session: Session, roster: Roster, reading: Reading, kin: Kin) -> None:
        self._session, self._roster, self._reading = session, roster, reading
        self._relatives = Relatives(session, roster, reading, kin)
        self._paging = Paging(reading, self._moment_of)

    def _moment_of(self, event: Event) -> Moment:
        shift_ns = self._roster.shifts.get(event.run_id)
        shifted_ns = event.time_ns if shift_ns is None else event.boot_ns + shift_ns
        return Moment(shifted_ns, event.time_ns, event.id, event.run_id)

    def coverage(self, wanted: Filter) -> Sequence[Coverage]:
        hosts = self._roster.hosts(wanted)
        return ledger.coverage(self._session, self._roster.runs, hosts, time.time_ns())

    def has_hosts(self, wanted: Filter) -> bool:
        return not wanted.descendants_of and len(self.hosts(wanted)) > 1

    def hosts(self, wanted: Filter) -> set[str]:
        return {*self._roster.hosts(wanted)}

    def extent(self, wanted: Filter) -> tuple[int, int] | None:
        hosts = self.hosts(wanted)
        runs = [run.run_id for run in self._roster.runs if run.host in hosts]
        return extent_of(self._session, None if len(runs) == len(self._roster.runs) else runs)

    def default_message(self, wanted: Filter) -> str | None:
        hosts = self._roster.hosts(wanted)
        return notes.default_message(self._session, hosts[0]) if len(hosts) == 1 else None

    def count(self, wanted: Filter) -> int:
        return self._reading.count(wanted)

    def survey(
        self,
        wanted: Filter,
        edges: Sequence[int],
        *,
        all_rows: bool = False,
        late: Callable[[], bool] = never,
    ) -> tuple[Survey, Facets]:
        return survey(self._session, self._reading, wanted, edges, all_rows, late)

    def happenings(self, wanted: Filter, since_ns: int, until_ns: int) -> Sequence[Happening]:
        hosts = self._roster.hosts(wanted)
        return happenings.happenings(self._session, hosts, since_ns, until_ns)

    def filtered(self, wanted: Filter, since_ns: int, until_ns: int) -> Sequence[Filtered]:
        runs = [run.run_id for run in self._roster.wanted(wanted)]
        return happenings.filtered(self._session, runs, since_ns, until_ns)

    def page(
        self,
        wanted: Filter,
        size: int,
        *,
        newest_first: bool,
        after: Moment | None = None,
        late: Callable[[], bool] = never,
    ) -> Page:
        return self._paging.page(wanted, size, newest_first=newest_first, after=after, late=late)

    def find(self, image: Identity) -> Event | None:
        return self._relatives.find(image)

    def chain(self, event: Event) -> list[Event]:
        return self._relatives.chain(event)

    def children(self, event: Event, size: int, *, after: int | None = None) -> list[Event]:
        return self._relatives.children(event, size, after)

    def siblings(self, event: Event) -> Siblings:
        return self._relatives.siblings(event)
