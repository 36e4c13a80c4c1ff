"""The options of `execdb collect`, besides those that choose what is shown."""

from dataclasses import dataclass
from typing import Annotated

import typer

from execdb.cli.input.formats import StreamFormat
from execdb.cli.input.numbers import age, percent, seconds, size
from execdb.cli.input.numbers import ring_pages as number_of_ring_pages
from execdb.cli.input.options.shared import Btf


@dataclass(frozen=True)
class CollectOptions:
    """As they were typed."""

    for_s: Annotated[
        float | None,
        typer.Option(
            "--for",
            help="Stop after this many seconds.",
            show_default="until Ctrl-C",
            parser=seconds,
            metavar="SECONDS",
        ),
    ] = None
    print_: Annotated[
        bool, typer.Option("--print", help="Show execs even if stdout is not a terminal.")
    ] = False
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no execs, also on a terminal.")] = (
        False
    )
    format: Annotated[StreamFormat, typer.Option(help="How to show execs.")] = StreamFormat.LINE
    keep: Annotated[
        str | None,
        typer.Option(
            help="Remove events older than this, such as 30d or 12h.",
            show_default="keep all",
            parser=age,
            metavar="AGE",
        ),
    ] = None
    max_size: Annotated[
        str | None,
        typer.Option(
            help="Keep the database below this size, such as 2GB: long arguments are cut first, "
            "then the oldest events are removed.",
            show_default="no limit",
            parser=size,
            metavar="SIZE",
        ),
    ] = None
    min_free: Annotated[
        float,
        typer.Option(
            help="Stop storing, keep counting, while less than this percentage of the disk is "
            "free.",
            parser=percent,
            metavar="PERCENT",
        ),
    ] = 2.0
    attempts: Annotated[
        bool,
        typer.Option(
            "--attempts",
            help="Also record execs that failed, and the name of the program that called exec.",
        ),
    ] = False
    user: Annotated[
        str | None,
        typer.Option(
            help="Switch to this user after start-up.",
            show_default="execdb if that user exists, else nobody",
            metavar="NAME",
        ),
    ] = None
    group: Annotated[
        str | None,
        typer.Option(help="Allow members of this group to read the database.", metavar="NAME"),
    ] = None
    ring_pages: Annotated[
        int | None,
        typer.Option(
            help="Size of the ring buffer of each CPU in memory pages, a power of two.",
            parser=number_of_ring_pages,
            metavar="PAGES",
            show_default="512, or less with many CPUs",
        ),
    ] = None
    redact: Annotated[
        bool,
        typer.Option(
            "--redact",
            help="Store and show [redacted] for what looks like a secret in arguments. This "
            "cannot be undone.",
        ),
    ] = False
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over",
            help="Start beside the collector that records to this database, then make it end: no "
            "exec is missed or stored twice.",
        ),
    ] = False
    btf: Btf = None
