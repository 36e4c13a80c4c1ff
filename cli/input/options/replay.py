"""The options of `execdb replay`, besides those that choose events, and those of --live."""

from dataclasses import dataclass
from typing import Annotated

import typer

from execdb.cli.input.numbers import factor, seconds


@dataclass(frozen=True)
class ReplayOptions:
    """As they were typed."""

    speed: Annotated[
        float,
        typer.Option(
            help="2 plays twice as fast, 0.5 half as fast, 0 without pauses.",
            parser=factor,
            metavar="FACTOR",
        ),
    ] = 1.0
    idle_limit: Annotated[
        float | None,
        typer.Option(
            help="Shorten longer pauses to this many seconds.",
            show_default="no limit",
            parser=seconds,
            metavar="SECONDS",
        ),
    ] = None
    loop: Annotated[bool, typer.Option("--loop", help="Start again at the end, until Ctrl-C.")] = (
        False
    )
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Start every exec again, as a program that does nothing, in a sandbox: with the "
            "recorded path, arguments, user, directory, parent, duration and end.",
        ),
    ] = False
