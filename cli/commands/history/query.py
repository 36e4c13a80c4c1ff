"""execdb query: shows events of the history."""

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from execdb.cli.input.formats import EventFormat
from execdb.cli.input.option_files import asked_by
from execdb.cli.input.options.classes import with_option_classes
from execdb.cli.input.options.filter import FilterOptions, filter_of
from execdb.cli.input.options.query import QueryOptions
from execdb.cli.input.redaction import redactor
from execdb.cli.output.colour import wants_colour
from execdb.cli.output.pager import pager
from execdb.cli.output.stdout import emit
from execdb.cli.output.streams import encode_for, say
from execdb.cli.show.formats import renderer, row_renderer
from execdb.cli.show.gap_notes import Oldest, gaps_of
from execdb.cli.show.notes import lacking
from execdb.cli.table.look import Look, columns_of, require_known
from execdb.store.central.url import CentralUrl
from execdb.store.errors import UsageError
from execdb.store.event import Event
from execdb.store.fields import FIELD_OF

if TYPE_CHECKING:
    from execdb.store.asking.store import Store
    from execdb.store.reading.filter import Filter

Change = Callable[[Iterable[Event]], Iterator[Event]]
_ON_A_TERMINAL = 50  # events shown unless asked for more
_FOR_PEOPLE = EventFormat.TABLE, EventFormat.LINE
EXAMPLES = """
execdb query --since 10m --failed        # what failed in the last 10 minutes
execdb query comm=gcc,cc1 duration=5s..  # long runs of two programs
execdb query --columns id,user,tty,filename --path /usr/bin/sudo --strict
execdb query --follow --failed           # what fails from now on
"""


@with_option_classes
def query(context: typer.Context, chosen: FilterOptions, given: QueryOptions) -> None:
    """Show the recorded execs, oldest first.

    An event must fulfil all terms and options that choose events; an option given twice, or a
    field named twice, is an alternative. A note on stderr says which part of the time was not
    recorded. In a table, `end` is an exit code, a signal, an error of the exec, or `exec` if the
    program replaced itself; the message is shown where it is not the default one.
    """
    wanted, change = filter_of(chosen), redactor(context) if given.redact else iter
    if given.follow or given.ends:
        _follow(context.obj, wanted, given, change)
        return
    from execdb.store.asking.opening import open_store

    view = _view(given, change)
    encode_for(view.format)
    with open_store(context.obj) as store:
        known, oldest_ns = store.coverage(wanted), store.began_ns(wanted)
        if given.count:
            print(store.count(wanted))
        else:
            oldest_ns = view.show(store, wanted) or oldest_ns
        gaps = gaps_of(known, wanted, oldest_ns)
        lacking.tell(store, wanted, gaps, oldest_ns, strict=given.strict)


def _follow(
    place: Path | CentralUrl, wanted: "Filter", given: QueryOptions, change: Change
) -> None:
    """Raises UsageError for what does not go with --follow."""
    if not given.follow:
        raise UsageError("--ends goes with --follow only")
    if given.count or given.reverse or given.columns or given.sort:
        raise UsageError("--follow goes without --count, --reverse, --columns and --sort")
    from execdb.cli.session.follow import FollowOptions, follow_to

    shown = given.format or EventFormat.LINE
    options = FollowOptions(
        shown, given.limit or 0, given.ends, change, given.strict, wide=given.wide
    )
    follow_to(place, wanted, options)


def _view(given: QueryOptions, change: Change) -> "View":
    """Raises UsageError if there is no such key or column."""
    table = sys.stdout.isatty() or given.columns is not None
    format = given.format or (EventFormat.TABLE if table else EventFormat.LINE)
    with asked_by("columns"):
        columns = () if given.columns is None else columns_of(given.columns, format)
    with asked_by("sort"):
        key = _key_of(given.sort)
    look = Look(
        columns,
        None if given.wide else shutil.get_terminal_size().columns,
        numeric=given.numeric,
        utc=given.utc,
        colour=wants_colour(sys.stdout),
    )
    return View(format, look, key, given.limit, given.reverse, change)


def _key_of(sort: str | None) -> str | None:
    """Raises UsageError if there is no such key."""
    if sort is None:
        return None
    from execdb.store.terms.names import SHORT

    key = SHORT.get(sort, sort)
    require_known("key", key, FIELD_OF)
    return key


@dataclass(frozen=True)
class View:
    """How events are shown. `limit` None: what a person can read, on a terminal; else all."""

    format: EventFormat
    look: Look
    sort: str | None
    limit: int | None
    reverse: bool
    change: Change

    def show(self, store: "Store", wanted: "Filter") -> int | None:
        """Shows them, and how many there are besides. Returns the time of the oldest one if what
        is older was not asked for."""
        short = self.limit is None and sys.stdout.isatty() and self.format in _FOR_PEOPLE
        latest, oldest = _ON_A_TERMINAL if short else self.limit or 0, Oldest()
        look = replace(self.look, hosts=store.has_hosts(wanted))
        if self.format is EventFormat.TABLE:
            look = replace(look, default_message=store.default_message(wanted))
        with pager():
            emit(self._texts(store, wanted, latest, look, oldest))
        if short:
            _note_the_rest(store.count(wanted), "greatest" if self.sort else "latest")
        whole = not latest or self.sort is not None or oldest.events < latest
        return None if whole else oldest.time_ns

    def _texts(
        self, store: "Store", wanted: "Filter", latest: int, look: Look, oldest: Oldest
    ) -> Iterator[str]:
        as_they_are = self.change is iter and self.sort is None and not look.columns
        if as_they_are and self.format in (EventFormat.JSON, EventFormat.NDJSON):
            rows = store.json_rows(wanted, limit=latest, reverse=self.reverse)
            if rows is not None:
                return row_renderer(self.format)(oldest.watch(rows) if latest else rows)
        events = self._events(store, wanted, latest)
        return renderer(self.format, look)(oldest.watch(events) if latest else events)

    def _events(self, store: "Store", wanted: "Filter", latest: int) -> Iterator[Event]:
        if self.sort is None:
            return self.change(store.events(wanted, limit=latest, reverse=self.reverse))
        from execdb.store.asking.sorting import sort_events

        events = self.change(store.events(wanted))
        return iter(sort_events(events, self.sort, limit=latest, reverse=self.reverse))


def _note_the_rest(total: int, which: str) -> None:
    if total > _ON_A_TERMINAL:
        say(f"the {which} {_ON_A_TERMINAL} of {total}; --limit 0 shows all")
