"""The options of `execdb replay` that go with --live only."""

from dataclasses import dataclass
from typing import Annotated

import typer

from execdb.cli.input.numbers import event_count, factor


@dataclass(frozen=True)
class LiveOptions:
    """As they were typed; `rate` None: at the recorded pace."""

    rate: Annotated[
        float | None,
        typer.Option(
            help="With --live: N starts and ends a second, instead of the recorded pace.",
            parser=factor,
            metavar="N",
        ),
    ] = None
    ancestors: Annotated[
        bool,
        typer.Option(
            "--ancestors/--no-ancestors",
            help="With --live: also start the programs above those that are chosen.",
        ),
    ] = True
    attempts: Annotated[
        bool, typer.Option("--attempts", help="With --live: also failed attempts, to fail again.")
    ] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --live: only say what would start.")
    ] = False
    max_processes: Annotated[
        int,
        typer.Option(
            help="With --live: refuse more than N processes at once.",
            parser=event_count,
            metavar="N",
        ),
    ] = 4096
    force: Annotated[
        bool, typer.Option("--force", help="With --live: also on an untested architecture.")
    ] = False
