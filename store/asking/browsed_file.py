"""A file, asked as the page asks."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from execdb.store.asking.browsed import never
from execdb.store.asking.hosts import is_merged, of_hosts
from execdb.store.browsing.happenings import (
    Filtered,
    Happening,
    read_filtered,
    read_happenings,
)
from execdb.store.browsing.pages import Identity, Moment, Page, Pages, Siblings
from execdb.store.config.stored import read_default
from execdb.store.event import Event
from execdb.store.file.database import Database
from execdb.store.ledger.coverage import Coverage
from execdb.store.ledger.read_coverage import read_coverages
from execdb.store.reading.filter import Filter

if TYPE_CHECKING:
    from execdb.store.browsing.facets import Facets
    from execdb.store.browsing.survey import Survey

_ALL = 1 << 62


class BrowsedFile:
    """Raises DatabaseError."""

    def __init__(self, database: Database, is_recording: Callable[[], bool]) -> None:
        self._database, self._is_recording = database, is_recording
        self._pages = Pages(database)

    def coverage(self, wanted: Filter) -> Sequence[Coverage]:
        found = read_coverages(self._database, time.time_ns(), recording=self._is_recording())
        return of_hosts(found, wanted)

    def has_hosts(self, wanted: Filter) -> bool:
        return is_merged(self._database) and len(self.coverage(wanted)) > 1

    def hosts(self, wanted: Filter) -> set[str]:
        return self._pages.hosts()

    def extent(self, wanted: Filter) -> tuple[int, int] | None:
        return self._pages.extent()

    def default_message(self, wanted: Filter) -> str | None:
        with self._database.reading() as connection:
            return read_default(connection)

    def count(self, wanted: Filter) -> int:
        return self._pages.count(wanted)

    def survey(
        self,
        wanted: Filter,
        edges: Sequence[int],
        *,
        all_rows: bool = False,
        late: Callable[[], bool] = never,
    ) -> "tuple[Survey, Facets]":
        from execdb.store.browsing.facets import facets
        from execdb.store.browsing.survey import ROWS_MAX, survey

        most = _ALL if all_rows else ROWS_MAX
        found = survey(self._pages, wanted, edges, rows_max=most, late=late)
        return found, facets(self._database, found.kinds)

    def happenings(self, wanted: Filter, since_ns: int, until_ns: int) -> Sequence[Happening]:
        return read_happenings(self._database, since_ns, until_ns)

    def filtered(self, wanted: Filter, since_ns: int, until_ns: int) -> Sequence[Filtered]:
        return read_filtered(self._database, since_ns, until_ns)

    def page(
        self,
        wanted: Filter,
        size: int,
        *,
        newest_first: bool,
        after: Moment | None = None,
        late: Callable[[], bool] = never,
    ) -> Page:
        return self._pages.page(wanted, size, newest_first=newest_first, after=after, late=late)

    def find(self, image: Identity) -> Event | None:
        return self._pages.find(image.boot_id, image.boot_ns, image.pid)

    def chain(self, event: Event) -> list[Event]:
        return self._pages.chain(event)

    def children(self, event: Event, size: int, *, after: int | None = None) -> list[Event]:
        return self._pages.children(event.id, size, after=after)

    def siblings(self, event: Event) -> Siblings:
        return self._pages.siblings(event)
