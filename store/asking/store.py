"""What a command asks of a store of events, whether that is a file or a central store."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from execdb.store.overview.family import Key, Kin

if TYPE_CHECKING:
    from execdb.store.asking.browsed import Browsed
    from execdb.store.config.log import LogRow
    from execdb.store.config.rule import Rule
    from execdb.store.ledger.coverage import Coverage
    from execdb.store.ledger.filters import LeftOut
    from execdb.store.ledger.trimmed import Trim
    from execdb.store.overview.filtered import Filtered
    from execdb.store.overview.newcomers import Newcomer
    from execdb.store.overview.statistics import Groups
    from execdb.store.overview.timeline import Division, Interval
    from execdb.store.overview.trial import Trial
    from execdb.store.reading.filter import Filter
    from execdb.store.reading.replays import Replay
    from execdb.store.reading.selection import Span
    from execdb.store.segments.reader import JsonRow
    from execdb.store.writing.marks import Mark


class Store(Kin, Protocol):
    """An open store; `str()` names it, without a password. Each method raises DatabaseError or
    CentralError, and UsageError for an id that names events of several hosts."""

    @property
    def incomplete(self) -> bool:
        """Whether events were removed before they were read."""

    @property
    def file(self) -> Path | None:
        """The file, if it is one, without links on the way."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Inside, whatever is read is of one moment."""

    def has_hosts(self, wanted: "Filter") -> bool:
        """Whether events of several hosts may be wanted, so that each must be named."""

    def ids_are_unique(self, wanted: "Filter") -> bool:
        """Whether no two events of the runs that are wanted have the same id."""

    def json_rows(
        self, wanted: "Filter", *, limit: int = 0, reverse: bool = False
    ) -> "Iterator[JsonRow] | None":
        """What `events` gives, to be written as JSON in less than half the time; None if the store
        has no quicker way than by events."""

    def count(self, wanted: "Filter") -> int:
        """How many `events` would give."""

    def statistics(
        self,
        wanted: "Filter",
        by: Sequence[str],
        watch: "Callable[[Sequence[Span]], Iterable[Span]]" = iter,
    ) -> "Groups":
        """Sums over the events that are wanted, by the values of these fields. `watch` is given
        the parts that are read, if there are parts. Raises UsageError."""

    def span_of(self, wanted: "Filter") -> tuple[int, int] | None:
        """From the first row within the time that is wanted up to the last one (ns), also those
        that do not match; None if there are none."""

    def timeline(
        self, wanted: "Filter", span: tuple[int, int], division: "Division", by: str | None
    ) -> "list[Interval]":
        """How many events there are in each interval of a span, as `overview.timeline` says."""

    def newcomers(
        self, wanted: "Filter", baseline_ns: int | None, by: Sequence[str]
    ) -> "list[Newcomer]":
        """What ran for the first time, as `overview.newcomers` says. Raises UsageError."""

    def trial(
        self,
        rules: "Sequence[Rule]",
        wanted: "Filter",
        watch: "Callable[[Sequence[Span]], Iterable[Span]]" = iter,
    ) -> "Trial":
        """What becomes of the events of a time, of the hosts that are wanted, if these rules
        decide. Raises UsageError."""

    def began_ns(self, wanted: "Filter") -> int | None:
        """When the program began whose descendants are wanted: it started nothing before."""

    def without_hosts(self, wanted: "Filter") -> "Filter":
        """The filter without what only says of which host an id is."""

    def latest_of(self, pid: int, wanted: "Filter") -> int | None:
        """The id of the latest image that ran under this pid. From then on it names that one."""

    def key_named(self, number: int, wanted: "Filter") -> Key | None:
        """Which row has this id; None if it is known that none has."""

    def coverage(self, wanted: "Filter") -> "Sequence[Coverage]":
        """Which times the store covers as of now: one for a file, one for each host that may be
        wanted of a central store."""

    def counts(self, coverage: "Coverage", intervals: Sequence[tuple[int, int]]) -> Sequence[int]:
        """How many events there are in each of these intervals (ns: from, up to), which are in
        order and do not overlap."""

    def default_message(self, wanted: "Filter") -> str | None:
        """Of the config as it is now; None if there are several."""

    def fullest(self) -> tuple[int, float]:
        """The user who has most of the rows, and how large a part of them (0: not known)."""

    def filters(self, wanted: "Filter", since_ns: int | None) -> "Sequence[LeftOut]":
        """What was left out on purpose in the time that is wanted, from `since_ns` on."""

    def filtered(
        self, wanted: "Filter", span: tuple[int, int], every_ns: int
    ) -> "Sequence[Filtered]":
        """The same summed up by intervals of so many ns."""

    def marks(
        self, wanted: "Filter", since_ns: int | None, until_ns: int | None
    ) -> "Sequence[Mark]":
        """Those of a time, in its order."""

    def changes(self, wanted: "Filter", most: int) -> "Iterable[LogRow]":
        """The latest changes of the config, the oldest first."""

    def trims(self) -> "Sequence[Trim]":
        """What bounds on its size removed from the store."""

    def replays(self, wanted: "Filter") -> "Sequence[Replay]":
        """The live replays that there are, oldest first."""

    def rows_of(
        self, view: str, columns: Sequence[str], wanted: "Filter"
    ) -> Iterable[Sequence[Any]]:
        """What documented views of the ledger have: "runs" and "losses", of the hosts that are
        wanted."""

    def time_of_mark(self, text: str) -> int:
        """When the latest mark with this text was made, in ns. Raises ExecdbError if there is
        none."""

    def browsed(self) -> "Browsed":
        """The same store, asked as the page asks."""
