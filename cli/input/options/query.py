"""The options of `execdb query`, besides those that choose events."""

from dataclasses import dataclass
from typing import Annotated

import typer

from execdb.cli.input import completion
from execdb.cli.input.formats import EventFormat
from execdb.cli.input.numbers import event_count
from execdb.cli.input.options.shared import Redact, Strict, UtcTable, Wide


@dataclass(frozen=True)
class QueryOptions:
    """As they were typed."""

    limit: Annotated[
        int | None,
        typer.Option(
            help="Show only the latest N events; 0 shows all.",
            parser=event_count,
            metavar="N",
            show_default="50 on a terminal, else all",
        ),
    ] = None
    reverse: Annotated[bool, typer.Option("--reverse", help="Show the newest event first.")] = False
    count: Annotated[bool, typer.Option("--count", help="Print only the number of events.")] = False
    redact: Redact = False
    columns: Annotated[
        str | None,
        typer.Option(
            help="Show these columns: any keys of an event, and command, which is argv quoted for "
            "a shell; in a table also user, end and took.",
            autocompletion=completion.columns,
            metavar="A,B,C",
            show_default=False,
        ),
    ] = None
    sort: Annotated[
        str | None,
        typer.Option(
            help="Order by this key, the greatest last; --limit N shows the N greatest.",
            autocompletion=completion.keys,
            metavar="FIELD",
            show_default=False,
        ),
    ] = None
    utc: UtcTable = False
    numeric: Annotated[bool, typer.Option("--numeric", help="In a table: uids, not names.")] = False
    wide: Wide = False
    strict: Strict = False
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            help="Then show new events as they come, until Ctrl-C; with neither --since nor "
            "--limit show only those.",
        ),
    ] = False
    ends: Annotated[
        bool,
        typer.Option(
            "--ends", help="With --follow: another line when a program ends, with how and when."
        ),
    ] = False
    format: Annotated[
        EventFormat | None,
        typer.Option(
            help="How to show them.",
            show_default="table on a terminal or with --columns, else line",
        ),
    ] = None
