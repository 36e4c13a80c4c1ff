"""`query --follow`: the history that is asked for, then what comes."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from execdb.cli.input.formats import EventFormat
from execdb.cli.output.stdout import emit
from execdb.cli.output.streams import encode_for
from execdb.cli.session.following.follower import Follower
from execdb.cli.show.fitting import fit_terminal
from execdb.cli.show.formats import Renderer, renderer
from execdb.cli.show.gap_notes import INCOMPLETE
from execdb.cli.show.notes import filter_notes, replay_notes
from execdb.cli.table.look import Look
from execdb.store.central.url import CentralUrl
from execdb.store.errors import UsageError
from execdb.store.event import Event
from execdb.store.reading.filter import Filter

_FORMATS_OF_ENDS = EventFormat.LINE, EventFormat.NDJSON
_FORMATS = *_FORMATS_OF_ENDS, EventFormat.PLAIN


@dataclass(frozen=True)
class FollowOptions:
    """`limit` is how many events of before are shown, if their time is not limited (0: all of that
    time, or none); `change` is what becomes of events before they are shown. Unless they are
    `wide`, lines are cut to a terminal's width. Raises UsageError for a format that cannot show
    what comes."""

    shown: EventFormat
    limit: int
    ends: bool
    change: Callable[[Iterable[Event]], Iterator[Event]]
    strict: bool
    wide: bool

    def __post_init__(self) -> None:
        allowed = _FORMATS_OF_ENDS if self.ends else _FORMATS
        if self.shown not in allowed:
            what = "ends" if self.ends else "what comes"
            raise UsageError(
                f"--format {self.shown} cannot show {what}: use {' or '.join(allowed)}"
            )

    def render(self, shown: str, *, hosts: bool) -> Renderer:
        """In this format, with the names of hosts if there are several."""
        render = renderer(shown, Look(hosts=hosts))
        if self.wide or self.shown is EventFormat.NDJSON or not sys.stdout.isatty():
            return render
        return fit_terminal(render, sys.stdout.fileno())


def follow_to(place: Path | CentralUrl, wanted: Filter, options: FollowOptions) -> None:
    """Ends at Ctrl-C. Raises UsageError, CentralError, and DatabaseError, also if the file is
    replaced."""
    if wanted.until_ns is not None:
        raise UsageError("--follow has no end, so it goes without --until")
    encode_for(options.shown)
    with_ends = "line or end" if options.shown is EventFormat.LINE else str(options.shown)
    began_ns = time.time_ns()
    with _follower(place, wanted, ends=options.ends) as follower:
        if wanted.since_ns is not None or options.limit:
            render = options.render(options.shown, hosts=follower.names_hosts)
            emit(render(options.change(follower.before(options.limit))))
        while not follower.is_over:
            render = options.render(with_ends, hosts=follower.names_hosts)
            emit(render(options.change(follower.after())))
        # At the end: rules leave something out all the time.
        since = replace(wanted, since_ns=follower.oldest_ns or began_ns)
        with follower.last_look() as store:
            if store is not None:
                replay_notes.note(store, since)
                filter_notes.note(store, since, None)
    if options.strict and follower.gaps:
        raise typer.Exit(INCOMPLETE)


@contextlib.contextmanager
def _follower(place: Path | CentralUrl, wanted: Filter, *, ends: bool) -> Iterator[Follower]:
    if isinstance(place, CentralUrl):
        from execdb.cli.session.following.central import CentralFollower

        with contextlib.closing(CentralFollower(place, wanted, ends=ends)) as central:
            yield central
        return
    from execdb.cli.session.following.file import FileFollower
    from execdb.store.file.database import open_database

    with (
        open_database(place) as database,
        contextlib.closing(FileFollower(database, place, wanted, ends=ends)) as file,
    ):
        yield file
