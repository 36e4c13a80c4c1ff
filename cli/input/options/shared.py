"""Options that several commands share, and what their values mean."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, overload

import typer

from execdb.cli.input.numbers import moment
from execdb.cli.input.option_files import asked_by
from execdb.cli.input.sizes import parse_size
from execdb.cli.output.streams import say
from execdb.store.errors import UsageError
from execdb.store.event import text_of
from execdb.store.terms.times import parse_age, parse_time
from execdb.store.times import local_time

if TYPE_CHECKING:
    from execdb.store.limits.bounds import Bounds

Since = Annotated[
    str | None,
    typer.Option(
        help="From this time on: 10m, 2h or 3d ago, today, yesterday, 03:00, 2026-01-31, "
        "'2026-01-31 03:00' (all local), 2026-01-31T03:00:00Z, @SECONDS since 1970, or "
        "mark:TEXT.",
        parser=moment,
        metavar="TIME",
    ),
]
Until = Annotated[
    str | None,
    typer.Option(help="Before this time, written like --since.", parser=moment, metavar="TIME"),
]

Strict = Annotated[
    bool, typer.Option("--strict", help="Exit with 3 if events of this time may be missing.")
]
Redact = Annotated[
    bool,
    typer.Option(
        "--redact",
        help="Show [redacted] for what looks like a secret in arguments: passwords, tokens, keys.",
    ),
]
Wide = Annotated[bool, typer.Option("--wide", help="Cut nothing to the width of the terminal.")]
WideTable = Annotated[
    bool, typer.Option("--wide", help="In a table: cut nothing to the width of the terminal.")
]
UtcTable = Annotated[bool, typer.Option("--utc", help="In a table: times in UTC, not local.")]
Btf = Annotated[
    Path | None,
    typer.Option(
        "--btf",
        envvar="EXECDB_BTF",
        help="The kernel's type information (BTF), if not in /sys/kernel/btf/vmlinux.",
        metavar="PATH",
        readable=False,  # may be missing: kernel headers are used instead
    ),
]


# Options of `collect` that can change while it records.
LIVE = ("keep", "max_size", "min_free", "redact")


def btf_path(given: Path | None) -> Path:
    """The file to read BTF from. An empty EXECDB_BTF stands for a kernel without BTF."""
    from execdb.bpf.offsets import BTF_PATH

    if given is None and os.environ.get("EXECDB_BTF") == "":
        return Path(os.devnull)
    return given or BTF_PATH


@overload
def as_recorded(given: str) -> str: ...
@overload
def as_recorded(given: str | None) -> str | None: ...
def as_recorded(given: str | None) -> str | None:
    """Text from the command line in the form of recorded text: bytes read as UTF-8, whatever the
    locale says. None stays None."""
    if given is None:
        return None
    try:
        return text_of(os.fsencode(given))
    except UnicodeEncodeError:  # half a surrogate, which no command line has
        return given


def span_of(since: str | None, until: str | None, now_ns: int) -> tuple[int | None, int | None]:
    """The times of --since and --until in ns since the epoch. Raises UsageError if --since is the
    later one. Prints a note if --since is in the future, as 23:00 is in the morning."""
    with asked_by("since"):
        since_ns = None if since is None else parse_time(since, now_ns, say=say)
    with asked_by("until"):
        until_ns = None if until is None else parse_time(until, now_ns, later=True, say=say)
    if since_ns is not None and until_ns is not None and since_ns > until_ns:
        with asked_by("since"):
            raise UsageError(
                f"--since {local_time(since_ns)} is later than --until {local_time(until_ns)}: "
                "nothing is in between"
            )
    if since_ns is not None and since_ns > now_ns:
        say(f"note: --since {local_time(since_ns)} is in the future")
    return since_ns, until_ns


def bounds_of(keep: str | None, max_size: str | None) -> "Bounds":
    """The bounds on the age and size of the history, as typed. Raises UsageError."""
    from execdb.store.limits.bounds import MAX_BYTES_MIN, Bounds

    max_bytes = None if max_size is None else parse_size(max_size)
    if max_bytes is not None and max_bytes < MAX_BYTES_MIN:
        least = f"{MAX_BYTES_MIN // 10**6}MB"
        with asked_by("max-size"):
            raise UsageError(f"--max-size must be at least {least}: {max_size} is less")
    return Bounds(None if keep is None else parse_age(keep), max_bytes)
