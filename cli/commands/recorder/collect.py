"""execdb collect: records. `cli/session` does it."""

import sys

import typer

from execdb.cli.input.options.classes import with_start_options
from execdb.cli.input.options.collect import CollectOptions
from execdb.cli.input.options.filter import FilterOptions, start_filter_of
from execdb.cli.input.options.shared import bounds_of, btf_path
from execdb.cli.input.redaction import own_patterns
from execdb.cli.output.descriptors import close_inherited
from execdb.cli.session.options import RecordOptions
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
def collect(context: typer.Context, chosen: FilterOptions, given: CollectOptions) -> None:
    """Record every exec until Ctrl-C or SIGTERM.

    Needs root, or the capabilities CAP_BPF and CAP_PERFMON; execdb doctor checks this. On a
    terminal the execs are also shown, cut to its width; if there are more than 20 a second, only
    some of them, and a line says how many were left out. Terms and options that choose events
    choose what is shown: every exec is recorded. Creates the database if there is none. SIGHUP
    reads the files of defaults again: keep, max-size, min-free, redact and patterns change at
    once, other options at the next start.
    """
    if given.print_ and given.quiet:
        raise UsageError("--print and --quiet exclude each other: give one of them")
    shown = given.format if given.print_ or (sys.stdout.isatty() and not given.quiet) else None
    wanted = start_filter_of(chosen)
    close_inherited(but=given.btf)
    with Stop(given.for_s) as stop:
        options = RecordOptions(
            path=context.obj,
            shown=shown,
            wanted=wanted,
            ring_pages=given.ring_pages,
            attempts=given.attempts,
            btf=btf_path(given.btf),
            user=given.user,
            group=given.group,
            bounds=bounds_of(given.keep, given.max_size),
            min_free_percent=given.min_free,
            redact=own_patterns(context) if given.redact else None,
            take_over=given.take_over,
        )
        record(options, stop, Reload(context, options))
