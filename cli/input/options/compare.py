"""The options of `execdb compare`, besides those that choose events."""

from dataclasses import dataclass
from typing import Annotated

import typer

from execdb.cli.input.formats import ReportFormat
from execdb.cli.input.numbers import event_count, factor
from execdb.cli.input.options.shared import Redact, Strict, Wide


@dataclass(frozen=True)
class CompareOptions:
    """As they were typed."""

    replay: Annotated[
        bool,
        typer.Option(
            "--replay",
            help="B recorded a live replay of A: compare what the latest replay started with what "
            "it should have started. Terms then choose events of A only.",
        ),
    ] = False
    ancestors: Annotated[
        bool,
        typer.Option(
            "--ancestors/--no-ancestors",
            help="With --replay: also the programs above those that are chosen, as in replay.",
        ),
    ] = True
    ignore: Annotated[
        str | None,
        typer.Option(help="Do not compare these keys.", metavar="FIELD,FIELD", show_default="none"),
    ] = None
    alike: Annotated[
        bool,
        typer.Option(
            "--alike",
            help="Names of temporary files, and numbers in arguments, may differ.",
        ),
    ] = False
    order: Annotated[
        bool, typer.Option("--order", help="Siblings in another order are a difference as well.")
    ] = False
    slower: Annotated[
        float,
        typer.Option(
            help="List what took at least FACTOR times as long in B, and 10 ms longer; 0: nothing.",
            parser=factor,
            metavar="FACTOR",
        ),
    ] = 2.0
    limit: Annotated[
        int,
        typer.Option(
            help="Show the first N of each kind of difference; 0 shows all.",
            parser=event_count,
            metavar="N",
        ),
    ] = 20
    redact: Redact = False
    wide: Wide = False
    strict: Strict = False
    format: Annotated[ReportFormat, typer.Option(help="How to show it.")] = ReportFormat.TEXT
