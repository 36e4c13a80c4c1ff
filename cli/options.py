"""Options that several commands share, and the filter they make."""

import pwd
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from execdb.cli.times import parse_time
from execdb.store.entry import UID_MAX, check_uid
from execdb.store.errors import UsageError

if TYPE_CHECKING:
    from execdb.store.filter import Filter

_DIGITS_MAX = 20  # of a uid worth reading
_PID_MAX = 2**32 - 1
DEFAULT_DB = Path("/var/lib/execdb/execdb.db")

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
    bool | None, typer.Option("--failed/--succeeded", help="Only attempts that failed, or none.")
]
DescendantsOf = Annotated[
    int | None,
    typer.Option(
        help="What this event started, and so on down.", min=1, max=2**63 - 1, metavar="ID"
    ),
]


def uid_of(text: str) -> int:
    """A uid from a number or a user name. Raises UsageError."""
    if re.fullmatch(r"-?[0-9]+", text):
        if len(text) > _DIGITS_MAX:
            raise UsageError(f"uid {text[:_DIGITS_MAX]}... is outside 0..{UID_MAX}")
        return check_uid(int(text))
    try:
        return pwd.getpwnam(text).pw_uid
    except (KeyError, ValueError, UnicodeEncodeError):
        raise UsageError(f"there is no user {text!r} on this machine: give the number") from None


def filter_of(params: Mapping[str, Any]) -> "Filter":
    """The store's filter from a command's parameters as they were typed; what is no filter is
    passed over. Raises UsageError."""
    from execdb.store.filter import Filter

    now_ns = time.time_ns()
    values = {key: params[key] for key in _AS_TYPED}
    for key in ("uid", "loginuid"):
        values[key] = None if params[key] is None else uid_of(params[key])
    for key in ("since", "until"):
        values[f"{key}_ns"] = None if params[key] is None else parse_time(params[key], now_ns)
    return Filter(**values)


_AS_TYPED = ("pid", "ppid", "comm", "path", "arg", "message", "cgroup", "failed", "descendants_of")
