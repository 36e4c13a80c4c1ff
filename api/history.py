"""The questions that a script may ask of a file."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Unpack

from execdb.answers import Period, Run
from execdb.filters import Filters, Time, filter_of, span_of
from execdb.store.errors import UsageError
from execdb.store.event import Event
from execdb.store.file.database import open_database
from execdb.store.file.locks.collector_lock import collector_pid
from execdb.store.ledger.counting import events_in
from execdb.store.ledger.periods import periods
from execdb.store.ledger.read_coverage import read_coverage
from execdb.store.ledger.totals import read_totals
from execdb.store.reading import history as stored
from execdb.store.writing.marks import time_of_mark


class History:
    """The history in one file, for reading. `execdb.open` makes one.

    Every method raises DatabaseError if the file cannot be read, UsageError for a filter that makes
    no sense, ExecdbError for a mark that there is not. For use by one thread at a time. What a
    collector commits while this is open is there for the next question.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._database = open_database(Path(path))
        self._database.connection.execute("PRAGMA query_only = ON")
        self._stored = stored.History(self._database)

    def __enter__(self) -> "History":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file. Closing it again does nothing."""
        self._database.close()

    @property
    def incomplete(self) -> bool:
        """Whether events were pruned before an iterator of `events` came to them."""
        return self._stored.incomplete

    def events(
        self,
        *terms: str,
        limit: int = 0,
        reverse: bool = False,
        **filters: Unpack[Filters],
    ) -> Iterator[Event]:
        """The events for which all terms hold, as `execdb query` takes them ("comm=gcc,cc1",
        "duration=5s.."), and that pass all filters (`Filters` lists them), oldest first, or newest
        first with `reverse`; with `limit` the latest so many of them (0: all).

        They are read a thousand at a time in short transactions, so a slow reader is in nobody's
        way. What is recorded after the call is not among them. Whether some are missing of the
        time in question, because they were lost or nothing recorded, `coverage` tells.
        """
        if limit < 0:
            raise UsageError(f"limit {limit} is less than 0")
        wanted = filter_of(terms, filters, self._time_of_mark)
        return self._stored.events(wanted, limit=limit, reverse=reverse)

    def _time_of_mark(self, text: str) -> int:
        return time_of_mark(self._database, text)

    def count(self, *terms: str, **filters: Unpack[Filters]) -> int:
        """How many events `events` would give."""
        return self._stored.count(filter_of(terms, filters, self._time_of_mark))

    def runs(self) -> list[Run]:
        """Every run of a collector, oldest first. Imports are not among them."""
        return [Run(**row) for row in reversed(read_totals(self._database).runs)]

    def coverage(self, *, since: Time | None = None, until: Time | None = None) -> list[Period]:
        """The whole time from `since` (else: the oldest event) until `until` (else: now) without
        gaps: when execs were recorded, when some were lost, and when nothing recorded."""
        since_ns, until_ns = span_of(since, until, self._time_of_mark)
        now_ns = time.time_ns()
        recording = collector_pid(self._database.path) is not None
        coverage = read_coverage(self._database, now_ns, recording=recording)
        found = periods(coverage, since_ns, min(now_ns, until_ns or now_ns))
        events = events_in(self._database, [(each.from_ns, each.to_ns) for each in found])
        return [
            Period(
                kind=str(each.kind),
                why=None if each.why is None else str(each.why),
                from_ns=each.from_ns,
                to_ns=each.to_ns,
                run_id=each.run_id,
                events=number,
                lost=dict(each.lost),
                pruned=each.pruned,
                complete=each.complete,
            )
            for each, number in zip(found, events, strict=True)
        ]
