"""A file, asked as a store."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from execdb.store.asking.hosts import of_hosts, several
from execdb.store.config.snapshot import read_config
from execdb.store.file.locks.collector_lock import collector_pid
from execdb.store.ledger.coverage import Coverage
from execdb.store.ledger.filters import LeftOut, read_filters
from execdb.store.ledger.read_coverage import read_coverages
from execdb.store.ledger.trimmed import Trim, read_trims
from execdb.store.limits.crowding import shares
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.reading.kin import FileKin
from execdb.store.reading.replays import Replay, replays_of
from execdb.store.reading.selection import Span

if TYPE_CHECKING:
    from execdb.store.asking.browsed import Browsed
    from execdb.store.config.log import LogRow
    from execdb.store.config.rule import Rule
    from execdb.store.overview.filtered import Filtered
    from execdb.store.overview.newcomers import Newcomer
    from execdb.store.overview.statistics import Groups
    from execdb.store.overview.timeline import Division, Interval
    from execdb.store.overview.trial import Trial
from execdb.store.segments.reader import JsonRow
from execdb.store.writing.marks import Mark


class FileStore(FileKin):
    """Raises DatabaseError."""

    def __init__(self, history: History, path: Path | None = None) -> None:
        """`path` is that of the file as it was given."""
        super().__init__(history)
        self._path = path or history.database.path

    def __str__(self) -> str:
        return str(self._path)

    @property
    def incomplete(self) -> bool:
        return self.history.incomplete

    @property
    def file(self) -> Path:
        return self.database.real

    def snapshot(self) -> AbstractContextManager[None]:
        return self.database.snapshot()

    def has_hosts(self, wanted: Filter) -> bool:
        return several(self.database, wanted)

    def ids_are_unique(self, wanted: Filter) -> bool:
        return True

    def json_rows(
        self, wanted: Filter, *, limit: int = 0, reverse: bool = False
    ) -> Iterator[JsonRow]:
        return self.history.json_rows(wanted, limit=limit, reverse=reverse)

    def count(self, wanted: Filter) -> int:
        return self.history.count(wanted)

    def statistics(
        self,
        wanted: Filter,
        by: Sequence[str],
        watch: Callable[[Sequence[Span]], Iterable[Span]] = iter,
    ) -> "Groups":
        from execdb.store.overview.statistics import statistics

        return statistics(self.history, wanted, by, watch)

    def span_of(self, wanted: Filter) -> tuple[int, int] | None:
        from execdb.store.overview.timeline import span_of

        return span_of(self.history, wanted)

    def timeline(
        self, wanted: Filter, span: tuple[int, int], division: "Division", by: str | None
    ) -> "list[Interval]":
        from execdb.store.overview.timeline import timeline

        return timeline(self.history, wanted, span, division, by)

    def newcomers(
        self, wanted: Filter, baseline_ns: int | None, by: Sequence[str]
    ) -> "list[Newcomer]":
        from execdb.store.overview.newcomers import newcomers

        return newcomers(self.history, wanted, baseline_ns, by)

    def trial(
        self,
        rules: "Sequence[Rule]",
        wanted: Filter,
        watch: Callable[[Sequence[Span]], Iterable[Span]] = iter,
    ) -> "Trial":
        from execdb.store.overview.trial import try_rules

        return try_rules(self.history, rules, wanted, watch)

    def began_ns(self, wanted: Filter) -> int | None:
        return self.history.began_ns(wanted)

    def without_hosts(self, wanted: Filter) -> Filter:
        return wanted

    def latest_of(self, pid: int, wanted: Filter) -> int | None:
        return self.history.latest_of(pid)

    def key_named(self, number: int, wanted: Filter) -> int:
        return number

    def coverage(self, wanted: Filter) -> Sequence[Coverage]:
        """Of this machine, and of each one whose file was merged into this one."""
        recording = collector_pid(self._path) is not None
        found = read_coverages(self.database, time.time_ns(), recording=recording)
        return of_hosts(found, wanted)

    def counts(self, coverage: Coverage, intervals: Sequence[tuple[int, int]]) -> Sequence[int]:
        from execdb.store.ledger.counting import events_in

        return events_in(self.database, intervals, coverage.run_ids)

    def default_message(self, wanted: Filter) -> str | None:
        with self.database.reading() as connection:
            return read_config(connection).default

    def fullest(self) -> tuple[int, float]:
        with self.database.reading() as connection:
            return next(iter(shares(connection).items()), (0, 0.0))

    def filters(self, wanted: Filter, since_ns: int | None) -> Sequence[LeftOut]:
        return read_filters(self.database, since_ns, wanted.until_ns)

    def filtered(
        self, wanted: Filter, span: tuple[int, int], every_ns: int
    ) -> "Sequence[Filtered]":
        from execdb.store.overview.filtered import filtered_within

        return filtered_within(self.database, span, every_ns)

    def marks(self, wanted: Filter, since_ns: int | None, until_ns: int | None) -> "Sequence[Mark]":
        from execdb.store.writing.marks import read_marks

        with self.database.reading() as connection:
            return read_marks(connection, since_ns, until_ns)

    def changes(self, wanted: Filter, most: int) -> "Sequence[LogRow]":
        from execdb.store.config.log import read_log

        with self.database.reading() as connection:
            return list(read_log(connection, most))

    def trims(self) -> Sequence[Trim]:
        return read_trims(self.database)

    def replays(self, wanted: Filter) -> Sequence[Replay]:
        with self.database.reading() as connection:
            return replays_of(connection)

    def rows_of(self, view: str, columns: Sequence[str], wanted: Filter) -> list[Sequence[Any]]:
        with self.database.reading() as connection:
            return list(connection.execute(f"SELECT {', '.join(columns)} FROM {view}"))

    def time_of_mark(self, text: str) -> int:
        from execdb.store.writing.marks import time_of_mark

        return time_of_mark(self.database, text)

    def browsed(self) -> "Browsed":
        from execdb.store.asking.browsed_file import BrowsedFile

        return BrowsedFile(self.database, lambda: collector_pid(self._path) is not None)
