"""execdb config limit: how much of each user is recorded in a second."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from execdb.cli.commands.config.changed import config_table, refused_of, report
from execdb.cli.commands.config.group import TAKES_MINUS, app
from execdb.cli.commands.config.scope import ConfigCommand
from execdb.cli.input.formats import ReportFormat
from execdb.cli.input.sizes import parse_size
from execdb.cli.output.escape import escape
from execdb.cli.show.sizes import size
from execdb.store.errors import UsageError
from execdb.store.terms.users import uid_of

if TYPE_CHECKING:
    from execdb.store.config.limit import Limit
    from execdb.store.config.snapshot import Config


@app.command(
    cls=ConfigCommand,
    context_settings=TAKES_MINUS,
    epilog="""
execdb config limit                      # show them
execdb config limit default --execs 500
execdb config limit 33 --execs 50 --bytes 100kB
execdb config limit 33 --execs default --bytes default
""",
)
def limit(
    context: typer.Context,
    uid: Annotated[
        str | None,
        typer.Argument(
            help="A uid or a user name, or `default`: every user without a limit.", metavar="UID"
        ),
    ] = None,
    execs: Annotated[
        str | None,
        typer.Option(
            help="Execs recorded each second; those beyond it are counted only. `none`: no limit.",
            metavar="N",
        ),
    ] = None,
    bytes_: Annotated[
        str | None,
        typer.Option(
            "--bytes",
            help="Size of long arguments recorded each second; beyond it they are cut. `none`: no "
            "limit.",
            metavar="SIZE",
        ),
    ] = None,
    format: Annotated[ReportFormat, typer.Option(help="How to show them.")] = ReportFormat.TEXT,
) -> None:
    """Limit how much of a user's execs is recorded in a second, or show the limits.

    The value `default` gives a user the limit of every other user. Unused execs are saved for a
    second, unused bytes for four.
    """
    number = None if uid in (None, "default") else uid_of(uid or "")
    changes = _changes(execs, bytes_)
    if not changes:
        _show(context, uid is None, number, format)
        return
    if uid is None:
        raise UsageError("whose limit? give a user, or default")
    from execdb.store.config.limit import Limit, check_limit
    from execdb.store.config.limit_table import LimitTable

    check_limit(Limit(**changes))  # bad input makes no database
    with config_table(context, create=True) as table:
        found, generation = LimitTable(table.database, table.who).set(number, changes)
        who = "default" if number is None else f"uid {number}"
        report(context.obj, table, generation, f"{who}: {text_of(found, number is None)}")


def text_of(limit: "Limit", is_default: bool) -> str:
    """`execs 50, bytes 2.0 MB a second`, as the options have it."""
    execs = _part(limit.execs, is_default, str)
    bytes_ = _part(limit.bytes, is_default, size)
    return f"execs {execs}, bytes {bytes_} a second"


def _part(value: int | None, is_default: bool, show: Callable[[int], str]) -> str:
    if value is None:
        return "none" if is_default else "default"
    return "none" if value < 0 else show(value)


def _changes(execs: str | None, bytes_: str | None) -> dict[str, int | None]:
    """Raises UsageError."""
    changes: dict[str, int | None] = {}
    for name, text in (("execs", execs), ("bytes", bytes_)):
        if text in ("none", "default"):
            changes[name] = -1 if text == "none" else None
        elif text is not None:
            changes[name] = _number(text) if name == "execs" else parse_size(text)
    return changes


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise UsageError(f"--execs takes a whole number, none or default: {text!r} is neither")
    return int(text[:20])


def _show(context: typer.Context, all_: bool, uid: int | None, format: ReportFormat) -> None:
    with config_table(context) as table:
        config = table.read()
    rows = [_described("default", config.default_limit)]
    rows += [_described(number, found) for number, found in config.limits.items()]
    if not all_:
        rows = [row for row in rows if row["uid"] == ("default" if uid is None else uid)]
    if format is ReportFormat.JSON:
        print(json.dumps({"limits": rows} | refused_of(config)))
        return
    _print(rows, config, uid)


def _described(uid: int | str, limit: "Limit") -> dict[str, Any]:
    """A number for each part, or what stands for it: none, default."""

    def part(value: int | None) -> int | str:
        return value if value is not None and value >= 0 else _part(value, uid == "default", str)

    return {"uid": uid, "execs": part(limit.execs), "bytes": part(limit.bytes)}


def _print(rows: list[dict[str, Any]], config: "Config", uid: int | None) -> None:
    for row in rows:
        limit = config.default_limit if row["uid"] == "default" else config.limits[row["uid"]]
        who = "default" if row["uid"] == "default" else f"uid {row['uid']}"
        print(f"{who}: {text_of(limit, row['uid'] == 'default')}")
    if not rows:
        print(f"uid {uid}: no limit of its own, so the default holds")
    for refused in config.refused:
        print(f"not in the kernel: {escape(str(refused))}")
