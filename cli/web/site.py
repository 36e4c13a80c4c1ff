"""What all requests share: the file, and what is known of it. Used by one thread at a time."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from execdb import DEFAULT_PATH
from execdb.cli.output.escape import escape
from execdb.cli.web.rows import Rows, rows_of
from execdb.cli.web.view import View, view_of
from execdb.store.browsing.failures import Failures
from execdb.store.browsing.pages import Pages
from execdb.store.errors import DatabaseError
from execdb.store.event import Event
from execdb.store.file.database import Database
from execdb.store.file.locks.collector_lock import CollectorWatch
from execdb.store.ledger.coverage import Coverage
from execdb.store.ledger.read_coverage import read_coverage
from execdb.store.redaction.argv import redact_events

Hide = Callable[[Iterable[Event]], Iterator[Event]]


class Site:
    """`hide` hides secrets in arguments; with `redact` always, whatever the address says."""

    def __init__(
        self, database: Database, path: Path, hide: Hide = redact_events, *, redact: bool = False
    ) -> None:
        self.database, self.path, self.redact, self._hide = database, path, redact, hide
        database.connection.execute("PRAGMA query_only = ON")
        self.pages, self.failures = Pages(database), Failures(database)
        self._collector = CollectorWatch(path)

    def close(self) -> None:
        self._collector.close()
        self.database.close()

    @property
    def name(self) -> str:
        """Of the file, for people."""
        return escape(str(self.path))

    @property
    def given_path(self) -> str | None:
        """What commands need to be told with --db."""
        return None if str(self.path) == DEFAULT_PATH else str(self.path)

    def view(self, query: str) -> tuple[View, dict[str, str]]:
        """Raises UsageError."""
        view, rest = view_of(query)
        return (replace(view, redact=True) if self.redact else view), rest

    def shown(self, view: View, events: Sequence[Event]) -> list[Event]:
        """The events as this view may show them."""
        return list(self._hide(events)) if view.redact else list(events)

    def collector(self) -> int | None:
        """The pid of the collector that records to the file."""
        return self._collector.pid()

    def coverage(self) -> Coverage:
        return read_coverage(self.database, time.time_ns(), recording=self.collector() is not None)

    def is_here(self) -> bool:
        """Whether all events are of this machine."""
        return self.pages.hosts() <= {Rows.this_host()}

    def rows(self) -> Rows:
        return rows_of(self.database)

    def check(self) -> None:
        """Raises DatabaseError if the file was moved or replaced."""
        try:
            self.database.real.lstat()
        except PermissionError:  # as root has become someone who may not look there
            return
        except OSError:
            pass
        if not self.database.is_there():
            raise DatabaseError(f"{self.path} was moved or replaced: start execdb web again")
