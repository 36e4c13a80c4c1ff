"""execdb prune: removes the oldest events."""

import re
import time
from typing import Annotated

import typer

from execdb.cli.times import parse_age
from execdb.store.errors import UsageError

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([kmgt]?)(i?)b?", re.ASCII | re.IGNORECASE)


def parse_size(text: str) -> int:
    """Bytes: `2GB` is 2,000,000,000, `2GiB` is 2,147,483,648. Raises UsageError for what is no
    size, and for less than a database needs."""
    from execdb.store.retention import MAX_BYTES_MIN

    found = _SIZE.fullmatch(text.strip())
    if found is None or (found[3] and not found[2]):
        raise UsageError(f"cannot read {text!r} as a size: give 500MB, 2GB or 2GiB")
    units = _BINARY if found[3] else _UNITS
    size = int(float(found[1]) * units[found[2].lower()])
    if size < MAX_BYTES_MIN:
        raise UsageError(f"a size must be at least {MAX_BYTES_MIN // 10**6}MB, {text!r} is less")
    return size


def prune(
    context: typer.Context,
    older_than: Annotated[
        str | None, typer.Option(help="Remove what is older: 30d, 12h.", metavar="AGE")
    ] = None,
    max_size: Annotated[
        str | None, typer.Option(help="Remove the oldest down to this: 2GB.", metavar="SIZE")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Remove the oldest events; what remains keeps its ids."""
    from execdb.store.database import open_database
    from execdb.store.retention import Bounds, Retention, compact, outside, size_of

    if older_than is None and max_size is None:
        raise UsageError("say what to remove: --older-than AGE, --max-size SIZE, or both")
    bounds = Bounds(
        None if older_than is None else parse_age(older_than),
        None if max_size is None else parse_size(max_size),
    )
    now_ns = time.time_ns()
    with open_database(context.obj) as database:
        before = size_of(database).total
        if dry_run:
            about = "" if max_size is None else "about "
            print(
                f"would remove {about}{outside(database, bounds, now_ns)} execs of {before} bytes"
            )
            return
        retention, removed = Retention(database, bounds), 0
        while (step := retention.step(now_ns)) is not None:
            removed += step
        compact(database)
        after = size_of(database).total
    print(f"removed {removed} execs; {before} bytes before, {after} now")
