"""What the page asks of a store, whether that is a file or a central store."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from execdb.store.browsing.facets import Facets
    from execdb.store.browsing.happenings import Filtered, Happening
    from execdb.store.browsing.pages import Identity, Moment, Page, Siblings
    from execdb.store.browsing.survey import Survey
    from execdb.store.event import Event
    from execdb.store.ledger.coverage import Coverage
    from execdb.store.reading.filter import Filter


def never() -> bool:
    """For what may take as long as it takes."""
    return False


class Browsed(Protocol):
    """Each question reads a bounded number of rows, or ends once it is `late`. Each method raises
    DatabaseError or CentralError, and UsageError for an id that names events of several hosts."""

    def coverage(self, wanted: "Filter") -> "Sequence[Coverage]":
        """Which times are covered as of now, one for each host that may be wanted."""

    def has_hosts(self, wanted: "Filter") -> bool:
        """Whether events of several hosts may be wanted, so that each must be named."""

    def hosts(self, wanted: "Filter") -> set[str]:
        """The names of the machines whose events may be wanted."""

    def extent(self, wanted: "Filter") -> tuple[int, int] | None:
        """The times of the first and of the last event of these hosts, in ns; None if there are
        none. Terms other than about hosts do not count."""

    def default_message(self, wanted: "Filter") -> str | None:
        """Of the config as it is now; None if there are several."""

    def count(self, wanted: "Filter") -> int:
        """How many events are wanted."""

    def survey(
        self,
        wanted: "Filter",
        edges: Sequence[int],
        *,
        all_rows: bool = False,
        late: Callable[[], bool] = never,
    ) -> "tuple[Survey, Facets]":
        """How many events there are between each two of these times (ns, in order), and which
        values they have, as `browsing.survey` says; with `all_rows` nothing is estimated. The
        filter must not ask for anything outside of these times."""

    def happenings(self, wanted: "Filter", since_ns: int, until_ns: int) -> "Sequence[Happening]":
        """Marks and changes of the config of a time, in its order."""

    def filtered(self, wanted: "Filter", since_ns: int, until_ns: int) -> "Sequence[Filtered]":
        """What was not recorded on purpose in a time."""

    def page(
        self,
        wanted: "Filter",
        size: int,
        *,
        newest_first: bool,
        after: "Moment | None" = None,
        late: Callable[[], bool] = never,
    ) -> "Page":
        """Up to `size` events, those that come after a moment in that order. Once it is `late`, the
        search ends at the next place where it can go on, but it comes further with each page."""

    def find(self, image: "Identity") -> "Event | None":
        """The event of an image; if there are several, the one that was stored last."""

    def chain(self, event: "Event") -> "list[Event]":
        """What led to an event, the first known ancestor first, the event itself last; of an
        endless chain the nearest. Each event is in it once."""

    def children(self, event: "Event", size: int, *, after: int | None = None) -> "list[Event]":
        """What an event started, in the order of ids, those behind the id `after`."""

    def siblings(self, event: "Event") -> "Siblings":
        """The children of an event's parent around the event, which is one of them."""
