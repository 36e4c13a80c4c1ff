"""execdb collect: what the user may ask of a recording. `cli/session/wiring.py` does it."""

import sys
from typing import Annotated

import typer

from execdb.cli.input.formats import StreamFormat
from execdb.cli.input.options import Btf, bounds_of, btf_path, budget_of
from execdb.cli.output.descriptors import close_inherited
from execdb.cli.session.stop import Stop
from execdb.cli.session.wiring import Asked, record
from execdb.store.errors import UsageError

RING_PAGES = 128


def collect(
    context: typer.Context,
    for_s: Annotated[
        float | None, typer.Option("--for", help="Stop after this time.", min=0, metavar="SECONDS")
    ] = None,
    print_: Annotated[
        bool, typer.Option("--print", help="Show execs though stdout is no terminal.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no execs.")] = False,
    format: Annotated[StreamFormat, typer.Option(help="How to show them.")] = StreamFormat.LINE,
    ring_pages: Annotated[
        int, typer.Option(help="Size of each CPU's ring, a power of two.", min=1, max=65536)
    ] = RING_PAGES,
    attempts: Annotated[
        bool, typer.Option("--attempts", help="Also record failed attempts and callers.")
    ] = False,
    btf: Btf = None,
    keep: Annotated[
        str | None, typer.Option(help="Remove what is older: 30d, 12h.", metavar="AGE")
    ] = None,
    max_size: Annotated[
        str | None,
        typer.Option(
            help="Hold the file to this: long arguments go first, then the oldest rows.",
            metavar="SIZE",
        ),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            help="Who to be once it records. [default: execdb where there is such a user, else "
            "nobody]",
            metavar="NAME",
        ),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Let this group read the database.", metavar="NAME")
    ] = None,
    min_free: Annotated[
        float,
        typer.Option(
            help="Only count while less of the disk is free.", min=0, max=99, metavar="PERCENT"
        ),
    ] = 2.0,
    argument_budget: Annotated[
        str,
        typer.Option(
            help="Long arguments that each user may have recorded, a second; beyond that they "
            "are cut. `none` for no limit.",
            metavar="SIZE",
        ),
    ] = "2MB",
) -> None:
    """Record every exec until Ctrl-C or SIGTERM."""
    if print_ and quiet:
        raise UsageError("--print and --quiet exclude each other")
    if ring_pages & (ring_pages - 1):
        raise UsageError(f"--ring-pages must be a power of two, {ring_pages} is not")
    shown = format if print_ or (sys.stdout.isatty() and not quiet) else None
    close_inherited(but=btf)
    with Stop(for_s) as stop:
        bounds = bounds_of(keep, max_size)
        budget = budget_of(argument_budget)
        asked = Asked(
            context.obj, shown, ring_pages, attempts, btf_path(btf), user, group, bounds, min_free,
            budget,
        )  # fmt: skip
        record(asked, stop)
