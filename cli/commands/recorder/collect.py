"""execdb collect: the options of a recording. `cli/session` runs it."""

import sys
from typing import Annotated

import typer

from execdb.cli.input.filter_options import FilterOptions, start_filter_of, with_start_options
from execdb.cli.input.formats import StreamFormat
from execdb.cli.input.numbers import percent, seconds
from execdb.cli.input.numbers import ring_pages as number_of_ring_pages
from execdb.cli.input.options import Btf, bounds_of, btf_path
from execdb.cli.input.redaction import own_patterns
from execdb.cli.output.descriptors import close_inherited
from execdb.cli.session.options import CollectOptions
from execdb.cli.session.record import record
from execdb.cli.session.requests.reload import Reload
from execdb.cli.session.stop import Stop
from execdb.store.errors import UsageError

EXAMPLES = """
sudo execdb collect                      # record and show, until Ctrl-C
sudo execdb collect --quiet --keep 30d --max-size 2GB
sudo execdb collect uid=alice 'filename!=/usr/bin/*'  # record all, show these
sudo execdb collect --for 60 --print --format ndjson > minute.ndjson
"""


@with_start_options
def collect(
    context: typer.Context,
    chosen: FilterOptions,
    for_s: Annotated[
        float | None,
        typer.Option(
            "--for",
            help="Stop after this many seconds.",
            show_default="until Ctrl-C",
            parser=seconds,
            metavar="SECONDS",
        ),
    ] = None,
    print_: Annotated[
        bool, typer.Option("--print", help="Show execs even if stdout is not a terminal.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Show no execs, also on a terminal.")
    ] = False,
    format: Annotated[StreamFormat, typer.Option(help="How to show execs.")] = StreamFormat.LINE,
    keep: Annotated[
        str | None,
        typer.Option(
            help="Remove events older than this, such as 30d or 12h.",
            show_default="keep all",
            metavar="AGE",
        ),
    ] = None,
    max_size: Annotated[
        str | None,
        typer.Option(
            help="Keep the database below this size, such as 2GB: long arguments are cut first, "
            "then the oldest events are removed.",
            show_default="no limit",
            metavar="SIZE",
        ),
    ] = None,
    min_free: Annotated[
        float,
        typer.Option(
            help="Stop storing, keep counting, while less than this percentage of the disk is "
            "free.",
            parser=percent,
            metavar="PERCENT",
        ),
    ] = 2.0,
    attempts: Annotated[
        bool,
        typer.Option(
            "--attempts",
            help="Also record execs that failed, and the name of the program that called exec.",
        ),
    ] = False,
    user: Annotated[
        str | None,
        typer.Option(
            help="Switch to this user after start-up.",
            show_default="execdb if that user exists, else nobody",
            metavar="NAME",
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(help="Allow members of this group to read the database.", metavar="NAME"),
    ] = None,
    ring_pages: Annotated[
        int | None,
        typer.Option(
            help="Size of the ring buffer of each CPU in memory pages, a power of two.",
            parser=number_of_ring_pages,
            metavar="PAGES",
            show_default="512, or less with many CPUs",
        ),
    ] = None,
    redact: Annotated[
        bool,
        typer.Option(
            "--redact",
            help="Store and show [redacted] for what looks like a secret in arguments. It cannot "
            "be brought back.",
        ),
    ] = False,
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over",
            help="Start beside the collector that records to this database, then make it end: no "
            "exec is missed or stored twice.",
        ),
    ] = False,
    btf: Btf = None,
) -> None:
    """Record every exec until Ctrl-C or SIGTERM.

    Needs root, or the capabilities CAP_BPF and CAP_PERFMON; execdb doctor checks this. On a
    terminal the execs are also shown, cut to its width, of more than 20 a second only some; a line
    says how many were left out. Terms and options that choose events choose what is shown: every
    exec is recorded. Creates the database if there is none. SIGHUP reads the files of defaults
    again: keep, max-size, min-free, redact and patterns change, other options at the next start.
    """
    if print_ and quiet:
        raise UsageError("--print and --quiet exclude each other: give one of them")
    shown = format if print_ or (sys.stdout.isatty() and not quiet) else None
    wanted = start_filter_of(chosen)
    close_inherited(but=btf)
    with Stop(for_s) as stop:
        bounds = bounds_of(keep, max_size)
        options = CollectOptions(
            context.obj, shown, wanted, ring_pages, attempts, btf_path(btf), user, group, bounds,
            min_free, own_patterns(context) if redact else None, take_over,
        )  # fmt: skip
        record(options, stop, Reload(context, options))
