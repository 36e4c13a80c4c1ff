"""Options that several commands share, and the filter they make."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from execdb.cli.input.sizes import parse_size
from execdb.cli.output.streams import say
from execdb.store.errors import UsageError
from execdb.store.event import text_of
from execdb.store.terms.times import parse_age, parse_time
from execdb.store.terms.users import uid_of
from execdb.store.times import local_time

if TYPE_CHECKING:
    from execdb.store.limits.bounds import Bounds
    from execdb.store.reading.filter import Filter

_PID_MAX = 2**32 - 1

Uid = Annotated[str | None, typer.Option(help="Real user: a number or a name.", metavar="USER")]
Pid = Annotated[int | None, typer.Option(help="Process id.", min=0, max=_PID_MAX)]
Ppid = Annotated[int | None, typer.Option(help="Parent's process id.", min=0, max=_PID_MAX)]
Comm = Annotated[str | None, typer.Option(help="Task name; * and ? match.", metavar="NAME")]
PathOption = Annotated[
    str | None, typer.Option("--path", help="File as it was named; * and ? match.", metavar="PATH")
]
Arg = Annotated[str | None, typer.Option(help="Text within any argument.", metavar="TEXT")]
Message = Annotated[str | None, typer.Option(help="The message, exactly.", metavar="TEXT")]
Since = Annotated[
    str | None, typer.Option(help="From: 10m, 2h, 3d ago, or a time.", metavar="TIME")
]
Until = Annotated[str | None, typer.Option(help="Up to, likewise.", metavar="TIME")]

Strict = Annotated[bool, typer.Option("--strict", help="Exit with 3 if any of it is missing.")]
Loginuid = Annotated[str | None, typer.Option(help="Who logged in, behind sudo.", metavar="USER")]
Cgroup = Annotated[str | None, typer.Option(help="Control group; * and ? match.", metavar="PATH")]
Failed = Annotated[
    bool | None,
    typer.Option(
        "--failed/--succeeded",
        help="Only what did not do well (a non-zero exit, a signal, or an attempt that failed), or "
        "only what exited with 0. What runs, or was replaced by another exec, is neither.",
    ),
]
Running = Annotated[
    bool, typer.Option("--running", help="Only what has no end: it runs, or none was recorded.")
]
Btf = Annotated[
    Path | None,
    typer.Option(
        "--btf",
        envvar="EXECDB_BTF",
        help="The kernel's BTF, where it is not /sys/kernel/btf/vmlinux.",
        metavar="PATH",
        readable=False,  # without BTF, kernel headers serve
    ),
]
DescendantsOf = Annotated[
    int | None,
    typer.Option(
        help="What this event started, and so on down; less than 0: a program that ran before.",
        min=-(2**63),
        max=2**63 - 1,
        metavar="ID",
    ),
]


def btf_path(given: Path | None) -> Path:
    """Where BTF is looked for. An empty EXECDB_BTF stands for a kernel without BTF."""
    from execdb.bpf.offsets import BTF_PATH

    if given is None and os.environ.get("EXECDB_BTF") == "":
        return Path(os.devnull)
    return given or BTF_PATH


def as_recorded(given: Any) -> Any:
    """Text of the command line as recorded text is: its bytes taken for UTF-8, though the locale
    may say otherwise. Other values as they are."""
    if not isinstance(given, str):
        return given
    try:
        return text_of(os.fsencode(given))
    except UnicodeEncodeError:  # half a surrogate, which no command line has
        return given


def filter_of(params: Mapping[str, Any]) -> "Filter":
    """The store's filter from a command's parameters as they were typed; what is no filter is
    passed over. Raises UsageError."""
    from execdb.store.reading.filter import Filter

    if params["running"] and params["failed"] is not None:
        raise UsageError("--running and --failed or --succeeded exclude each other")
    now_ns = time.time_ns()
    values = {key: as_recorded(params[key]) for key in _AS_TYPED}
    for key in ("uid", "loginuid"):
        values[key] = None if params[key] is None else uid_of(params[key])
    values["since_ns"], values["until_ns"] = span_of(params["since"], params["until"], now_ns)
    return Filter(**values)


def span_of(since: str | None, until: str | None, now_ns: int) -> tuple[int | None, int | None]:
    """What --since and --until name, in ns since the epoch. Raises UsageError where --since is the
    later one; says on stderr where it is still to come, as 23:00 is in the morning."""
    since_ns = None if since is None else parse_time(since, now_ns, say=say)
    until_ns = None if until is None else parse_time(until, now_ns, later=True, say=say)
    if since_ns is not None and until_ns is not None and since_ns > until_ns:
        raise UsageError(
            f"--since {local_time(since_ns)} is later than --until {local_time(until_ns)}"
        )
    if since_ns is not None and since_ns > now_ns:
        say(f"note: --since {local_time(since_ns)} is still to come")
    return since_ns, until_ns


_AS_TYPED = (
    *("pid", "ppid", "comm", "path", "arg", "message", "cgroup"),
    *("failed", "running", "descendants_of"),
)


def bounds_of(keep: str | None, max_size: str | None) -> "Bounds":
    """What is to be kept, from an age and a size. Raises UsageError."""
    from execdb.store.limits.bounds import MAX_BYTES_MIN, Bounds

    max_bytes = None if max_size is None else parse_size(max_size)
    if max_bytes is not None and max_bytes < MAX_BYTES_MIN:
        raise UsageError(f"a size must be at least {MAX_BYTES_MIN // 10**6}MB, {max_size} is less")
    return Bounds(None if keep is None else parse_age(keep), max_bytes)


_BUDGET_MIN, _BUDGET_MAX = 1_000, 10**9  # bytes a second


def budget_of(text: str) -> int | None:
    """Bytes a second, None for any number of them. Raises UsageError."""
    if text == "none":
        return None
    budget = parse_size(text)
    if not _BUDGET_MIN <= budget <= _BUDGET_MAX:
        raise UsageError(f"--argument-budget must be from 1kB to 1GB, or none; {text} is not")
    return budget
