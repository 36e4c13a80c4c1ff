"""execdb config hosts: which host has which config of a central store."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from execdb.cli.input.formats import ReportFormat
from execdb.cli.output.escape import escape
from execdb.cli.show.durations import duration
from execdb.store.central.url import CentralUrl
from execdb.store.errors import UsageError
from execdb.store.times import rfc3339

if TYPE_CHECKING:
    from execdb.store.central.config.documents import HostConfig

EXAMPLES = """
execdb config hosts --db postgresql://db.example/history
execdb config hosts --db postgresql://db.example/history --format json
"""
_SILENT_NS = 60_000_000_000


def hosts(
    context: typer.Context,
    format: Annotated[ReportFormat, typer.Option(help="How to show it.")] = ReportFormat.TEXT,
) -> None:
    """Show which generation of a central store's config each host has, and why one lags.

    Shows the generation in the host's file and the one in its kernel, as its forwarder last
    reported them.
    """
    from execdb.store.central.config.documents import read_host_configs

    if not isinstance(context.obj, CentralUrl):
        raise UsageError("config hosts is about a central store: give --db postgresql://...")
    found = [_described(each) for each in read_host_configs(context.obj)]
    if format is ReportFormat.JSON:
        print(json.dumps(found))
        return
    for each in found:
        print(_line(each))
    if not found:
        print("no host has shipped anything yet")


def _described(each: "HostConfig") -> dict[str, Any]:
    """Everything that is known of a host, as plain data."""
    told_ns = each.told_ns
    return {
        "host": each.host,
        "group": each.group,
        "newest": each.newest,
        "in_file": each.in_file,
        "in_kernel": each.in_kernel,
        "lags": each.newest is not None and each.in_kernel != each.newest,
        "why": why(each),
        "told_ns": told_ns,
        "told": None if told_ns is None else rfc3339(told_ns),
        "silent_ns": each.silent_ns,
        "login": each.shipper,
    }


def why(each: "HostConfig") -> str | None:
    """Why a host does not have the newest generation in its kernel; None if it has."""
    if each.newest is None or each.in_kernel == each.newest:
        return None
    if each.told_ns is None:
        return "its forwarder does not take the config (ship --config)"
    if (each.silent_ns or 0) > _SILENT_NS:
        return f"nothing was heard of it for {duration(each.silent_ns or 0)}"
    if each.error is not None:
        return each.error
    if each.wanted != each.newest or each.in_file != each.newest:
        return "its forwarder has not fetched it yet"
    return "its collector has not put it into the kernel yet"


def _line(row: dict[str, Any]) -> str:
    name = row["host"] if row["group"] is None else f"{row['host']} ({row['group']})"
    if row["newest"] is None:
        return escape(f"{name}: no config in the central store, the host has its own")
    shown = [
        f"{part} {'none' if row[key] is None else row[key]}"
        for part, key in (("file", "in_file"), ("kernel", "in_kernel"))
    ]
    lags = f", lags: {row['why']}" if row["lags"] else ""
    return escape(f"{name}: newest {row['newest']}, {', '.join(shown)}{lags}")
