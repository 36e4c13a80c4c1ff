"""execdb query: shows events of the history."""

import sys
from typing import Annotated

import typer

from execdb.cli.input.filter_options import FilterOptions, filter_of, with_filter_options
from execdb.cli.input.formats import EventFormat
from execdb.cli.input.numbers import event_count
from execdb.cli.input.options import Redact, Strict
from execdb.cli.output.stdout import emit
from execdb.cli.output.streams import encode_for, say
from execdb.cli.show import trim_notes
from execdb.cli.show.formats import renderer
from execdb.cli.show.gap_notes import Oldest, coverage_of, gaps_in, report

_ON_A_TERMINAL = 50  # events shown unless asked for more
EXAMPLES = """
execdb query --since 10m --failed        # what failed in the last 10 minutes
execdb query comm=gcc,cc1 duration=5s..  # long runs of two programs
execdb query --uid alice --comm 'python*' --since yesterday --until today
execdb query --count --path /usr/bin/sudo --strict
"""


@with_filter_options
def query(
    context: typer.Context,
    chosen: FilterOptions,
    limit: Annotated[
        int | None,
        typer.Option(
            help="Show only the latest N events; 0 shows all.",
            parser=event_count,
            metavar="N",
            show_default="50 on a terminal, else all",
        ),
    ] = None,
    reverse: Annotated[
        bool, typer.Option("--reverse", help="Show the newest event first.")
    ] = False,
    count: Annotated[
        bool, typer.Option("--count", help="Print only the number of events.")
    ] = False,
    redact: Redact = False,
    strict: Strict = False,
    format: Annotated[
        EventFormat | None,
        typer.Option(help="How to show them.", show_default="table on a terminal, else line"),
    ] = None,
) -> None:
    """Show the recorded execs, oldest first.

    An event must fulfil all terms and options that choose events; an option given twice, or a
    field named twice, is an alternative. A note on stderr says which part of the
    time was not recorded.
    """
    from execdb.store.file.database import open_database
    from execdb.store.reading.history import History
    from execdb.store.redaction.argv import redact_events

    wanted = filter_of(chosen)
    terminal = sys.stdout.isatty()
    shown = format or (EventFormat.TABLE if terminal else EventFormat.LINE)
    encode_for(shown)
    short = limit is None and terminal and shown in (EventFormat.TABLE, EventFormat.LINE)
    with open_database(context.obj) as database:
        history = History(database)
        known, oldest_ns = coverage_of(database, context.obj), history.began_ns(wanted)
        if count:
            print(history.count(wanted))
        else:
            latest, oldest = _ON_A_TERMINAL if short else limit or 0, Oldest()
            events = history.events(wanted, limit=latest, reverse=reverse)
            if redact:
                events = redact_events(events)
            emit(renderer(shown)(oldest.watch(events) if latest else events))
            if short:
                _note_the_rest(history.count(wanted))
            if latest and oldest.events == latest:  # what is older was not to be shown
                oldest_ns = oldest.time_ns
        gaps = gaps_in(known, wanted, oldest_ns)
        trim_notes.note(database, wanted, oldest_ns, gaps)
        report(gaps, strict=strict, incomplete=history.incomplete)


def _note_the_rest(total: int) -> None:
    if total > _ON_A_TERMINAL:
        say(f"the latest {_ON_A_TERMINAL} of {total}; --limit 0 shows all")
