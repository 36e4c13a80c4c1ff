"""What all requests share: the store, and how it is shown. Used by one thread at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from execdb.cli.output.escape import escape
from execdb.cli.web.rows import Rows
from execdb.cli.web.view import View, filter_for, view_of
from execdb.store.asking.browsed import Browsed
from execdb.store.asking.kept_open import KeptOpen
from execdb.store.errors import UsageError
from execdb.store.event import Event
from execdb.store.reading.filter import Filter
from execdb.store.redaction.argv import redact_events
from execdb.store.terms.term import COMMAND

Hide = Callable[[Iterable[Event]], Iterator[Event]]


class Site:
    """`hide` hides secrets in arguments; with `redact` always, whatever the address says.
    `given` is what commands need to be told with --db, None for the usual file."""

    def __init__(
        self,
        store: KeptOpen,
        given: str | None,
        hide: Hide = redact_events,
        *,
        redact: bool = False,
    ) -> None:
        self.store, self.given, self.redact, self._hide = store, given, redact, hide

    @property
    def name(self) -> str:
        """Of the store, for people."""
        return escape(str(self.store))

    def now(self) -> Browsed:
        """What a request asks. Raises DatabaseError, CentralError."""
        return self.store.now()

    def view(self, query: str) -> tuple[View, dict[str, str]]:
        """Raises UsageError."""
        view, rest = view_of(query)
        return (replace(view, redact=True) if self.redact else view), rest

    def wanted(self, view: View) -> Filter:
        """What the view chooses. Raises UsageError, also where secrets are always hidden and a
        term is about what they stand in: answers would tell a secret letter by letter."""
        wanted = filter_for(view.words)
        if self.redact and any(term.field in ("argv", COMMAND) for term in wanted.terms):
            raise UsageError(
                "this page hides secrets, so it takes no terms about argv and command, which could "
                "find them out: use comm, filename or exe"
            )
        return wanted

    def shown(self, view: View, events: Sequence[Event]) -> list[Event]:
        """The events as this view may show them."""
        return list(self._hide(events)) if view.redact else list(events)


def rows_for(browsed: Browsed, wanted: Filter) -> Rows:
    """Makes the rows of a list. Raises DatabaseError, CentralError."""
    return Rows(browsed.default_message(wanted), hosts=browsed.has_hosts(wanted))


def is_here(browsed: Browsed, wanted: Filter) -> bool:
    """Whether all events are of this machine."""
    return browsed.hosts(wanted) <= {Rows.this_host()}
