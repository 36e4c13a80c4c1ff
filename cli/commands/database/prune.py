"""execdb prune: removes the oldest events."""

import time
from typing import Annotated

import typer

from execdb.cli.input import numbers
from execdb.cli.input.options.shared import bounds_of
from execdb.cli.output.counted import counted
from execdb.cli.output.escape import escape
from execdb.cli.output.interrupts import ends_as_interrupt
from execdb.cli.output.progress import shown
from execdb.cli.show.sizes import size
from execdb.store.central.url import CentralUrl
from execdb.store.errors import Interrupted, UsageError

EXAMPLES = """
execdb prune --older-than 30d
execdb prune --max-size 2GB --dry-run    # only say what would be removed
execdb prune --older-than 90d --db postgresql://db.example/history  # days
"""


def prune(
    context: typer.Context,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than",
            "--keep",
            help="Remove events older than this, such as 30d or 12h.",
            parser=numbers.age,
            metavar="AGE",
        ),
    ] = None,
    max_size: Annotated[
        str | None,
        typer.Option(
            help="Remove the oldest events until the database has this size, such as 2GB.",
            parser=numbers.size,
            metavar="SIZE",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
) -> None:
    """Remove the oldest events.

    Needs --older-than, --max-size, or both. The remaining events keep their ids. In a central
    store it removes the whole days (UTC) that ended that long ago; this needs a login that is a
    member of execdb_owner.
    """
    if isinstance(context.obj, CentralUrl):
        _prune_central(context.obj, older_than, max_size, dry_run)
        return
    from execdb.store.file.database import open_database
    from execdb.store.limits.file_size import compact, size_of
    from execdb.store.limits.retention import Retention, would_remove

    if older_than is None and max_size is None:
        raise UsageError("say what to remove: --older-than AGE, --max-size SIZE, or both")
    bounds = bounds_of(older_than, max_size)
    now_ns = time.time_ns()
    with open_database(context.obj) as database:
        before = size_of(database).total
        if dry_run:
            about = "" if max_size is None else "about "
            rows = would_remove(database, bounds, now_ns)
            print(f"would remove {about}{counted(rows, 'exec')}; the file has {size(before)}")
            return
        database.use_wal()
        retention = Retention(database, bounds)
        steps = iter(lambda: retention.step(now_ns), None)
        try:
            with ends_as_interrupt():
                removed = sum(step or 0 for step in shown(steps, "pruning", every=1, unit="steps"))
                compact(database)
        except KeyboardInterrupt:
            raise Interrupted("interrupted: run prune again to remove the rest") from None
        after = size_of(database).total
    execs = counted(removed, "exec")
    print(f"removed {execs}; the file had {size(before)}, now it has {size(after)}")


def _prune_central(
    url: CentralUrl, older_than: str | None, max_size: str | None, dry_run: bool
) -> None:
    from execdb.store.central.retention import prune as prune_days

    if max_size is not None or older_than is None:
        raise UsageError("of a central store, days are removed by age: --older-than AGE")
    age_ns = bounds_of(older_than, None).keep_ns
    assert age_ns is not None
    days = events = 0
    for each in prune_days(url, time.time_ns() - age_ns, dry_run=dry_run):
        what = "would be removed" if dry_run else "was removed"
        print(
            f"{each.day} {what}: {counted(each.events, 'exec')} of {counted(each.hosts, 'host')}, "
            f"{size(each.size_bytes)}",
            flush=True,
        )
        days, events = days + 1, events + each.events
    would = "would remove" if dry_run else "removed"
    print(f"{would} {counted(events, 'exec')} of {counted(days, 'day')} from {escape(str(url))}")
