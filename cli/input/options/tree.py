"""The options of `execdb tree`, besides those that choose programs."""

from dataclasses import dataclass
from typing import Annotated

import typer

from execdb.cli.input.formats import ReportFormat
from execdb.cli.input.numbers import event_count, event_id
from execdb.cli.input.options.shared import Redact, Strict, Wide


@dataclass(frozen=True)
class TreeOptions:
    """As they were typed."""

    id_: Annotated[
        int | None,
        typer.Option(
            "--id",
            help="Id of an event, as in query --format json. Ids below 0 are of programs that "
            "ran before the recording.",
            parser=event_id,
            metavar="ID",
        ),
    ] = None
    up: Annotated[
        bool,
        typer.Option("--up", help="Show what started the programs; the default without --down."),
    ] = False
    down: Annotated[bool, typer.Option("--down", help="Show what the programs started.")] = False
    depth: Annotated[
        int | None,
        typer.Option(
            help="Show at most N levels below the program that is asked for, or else below the "
            "top.",
            parser=event_count,
            metavar="N",
            show_default="all",
        ),
    ] = None
    limit: Annotated[
        int,
        typer.Option(
            help="Show at most N programs: the nearest, or the latest ones; 0 shows all.",
            parser=event_count,
            metavar="N",
        ),
    ] = 500
    redact: Redact = False
    numeric: Annotated[bool, typer.Option("--numeric", help="Uids, not names.")] = False
    wide: Wide = False
    strict: Strict = False
    format: Annotated[ReportFormat, typer.Option(help="How to show it.")] = ReportFormat.TEXT
