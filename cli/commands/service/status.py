"""execdb service status: five lines about a service that records."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from execdb.cli.input.formats import ReportFormat
from execdb.cli.input.options.shared import bounds_of
from execdb.cli.output.counted import counted
from execdb.cli.output.escape import escape
from execdb.cli.show.durations import duration
from execdb.cli.show.sizes import size
from execdb.store.errors import DatabaseError, ExecdbError, UsageError
from execdb.store.times import local_time

if TYPE_CHECKING:
    from execdb.store.ledger.coverage import Coverage

EXAMPLES = """
execdb service status
execdb service status --format json | jq .lost
"""


def status(
    context: typer.Context,
    format: Annotated[ReportFormat, typer.Option(help="How to show it.")] = ReportFormat.TEXT,
) -> None:
    """Show since when the service records, what it has, what is missing, and what it will remove.

    Exits with 1 if it is not installed or does not record, or if it was installed with --ship-to
    and does not ship.
    """
    from execdb.cli.service import systemd

    found = systemd.properties()
    if found.get("LoadState") == "not-found":
        raise ExecdbError("the service is not installed: sudo execdb service install")
    report = describe(found) | {"handover_pid": _handover_pid(), "ship": _forwarder()}
    unreadable = None
    try:
        report |= _history(context.obj)
    except DatabaseError as error:  # what systemd says may be the reason
        unreadable = error
    print(json.dumps(report) if format is ReportFormat.JSON else "\n".join(lines(report)))
    if unreadable is not None:
        raise unreadable
    records = report["active"] or report["handover_pid"] is not None
    if not records or (report["ship"] is not None and not report["ship"]["active"]):
        raise typer.Exit(1)


def describe(found: dict[str, str]) -> dict[str, Any]:
    """What systemd says of the unit, as plain data."""
    from execdb.cli.service import places, systemd

    return _of_unit(found, places.UNIT) | {"options": systemd.options(int(found["MainPID"]))}


def _of_unit(found: dict[str, str], unit: str) -> dict[str, Any]:
    from execdb.cli.service import systemd

    active = found["ActiveState"] == "active"
    return {
        "active": active,
        "state": f"{found['ActiveState']} ({found['SubState']})",
        "result": found["Result"],
        "enabled": found["UnitFileState"] == "enabled",
        "pid": int(found["MainPID"]) or None,
        "since_ns": systemd.time_ns(found["ActiveEnterTimestamp"]) if active else None,
        "restarts": int(found["NRestarts"]),
        "why": None if active else systemd.why_it_failed(unit) or None,
    }


def _handover_pid() -> int | None:
    """The process that records while `service restart` starts the service again, or if that has
    failed."""
    from execdb.cli.service import places, systemd

    found = systemd.properties(places.HANDOVER_UNIT)
    return int(found["MainPID"]) or None if found["ActiveState"] == "active" else None


def _forwarder() -> dict[str, Any] | None:
    """What systemd says of the second unit; None if it is not installed."""
    from execdb.cli.service import places, systemd

    found = systemd.properties(places.SHIP_UNIT)
    if found["LoadState"] == "not-found":
        return None
    return _of_unit(found, places.SHIP_UNIT)


def _history(path: Path) -> dict[str, Any]:
    """What the file says. Raises DatabaseError."""
    from execdb.cli.show.gap_notes import coverage_of
    from execdb.store.file.database import open_database
    from execdb.store.ledger.totals import read_totals

    with open_database(path) as database, database.snapshot():
        totals, known = read_totals(database), coverage_of(database, path)
    now_ns = time.time_ns()
    boot_ns = now_ns - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return {
        "database": str(path),
        "events": totals.events,
        "first_ns": totals.first_ns,
        "seen": sum(run["seen"] for run in totals.runs),
        "stored": sum(run["stored"] for run in totals.runs),
        "filtered": sum(run["filtered"] for run in totals.runs),
        "lost": sum(run["lost"] for run in totals.runs),
        "pruned": sum(run["pruned"] for run in totals.runs),
        "boot_ns": boot_ns,
        "blind_ns": blind_ns(known, boot_ns, now_ns),
        "size_bytes": totals.size_bytes,
        "now_ns": now_ns,
    }


def blind_ns(known: "Coverage", since_ns: int, until_ns: int) -> int:
    """How long nothing was recorded."""
    from execdb.store.ledger.coverage import Kind
    from execdb.store.ledger.periods import periods

    found = periods(known, since_ns, until_ns)
    return sum(each.to_ns - each.from_ns for each in found if each.kind is Kind.BLIND)


def lines(report: dict[str, Any]) -> list[str]:
    """For people; without what the file says if it could not be read."""
    first = f"service    {_unit(report, 'execdb', 'recording', 'NOT RECORDING')}"
    second = []
    if (ship := report.get("ship")) is not None:
        second = [f"forwarder  {_unit(ship, 'execdb-ship', 'runs', 'NOT SHIPPING')}"]
    if "size_bytes" not in report:
        return [first, *second]
    return [
        first,
        *second,
        f"recorded   {report['stored']} of {report['seen']} execs, {report['filtered']} filtered",
        f"lost       {report['lost']}",
        f"blind      {duration(report['blind_ns'])} since boot, {local_time(report['boot_ns'])}",
        f"size       {size(report['size_bytes'])}, {_retention(report)}",
    ]


def _unit(report: dict[str, Any], name: str, works: str, not_so: str) -> str:
    if not report["active"]:
        why = f": {escape(report['why'])}" if report["why"] else ""
        if report.get("handover_pid") is not None:
            not_so = f"pid {report['handover_pid']} records until it does again"
        return f"{not_so}, {escape(report['state'])}{why}"
    again = f", restarted {counted(report['restarts'], 'time')}" if report["restarts"] else ""
    boot = "" if report["enabled"] else f", but not after the next boot (systemctl enable {name})"
    return f"{works} since {local_time(report['since_ns'])}, pid {report['pid']}{again}{boot}"


def _retention(report: dict[str, Any]) -> str:
    """What will be removed, and when."""
    options, parts = report["options"], []
    try:
        bounds_of(options.get("keep"), options.get("max-size"))
    except UsageError as error:
        return f"as the last start or reload said; the options are wrong now: {escape(str(error))}"
    if "keep" in options:
        oldest = ""
        if report["first_ns"] is not None:
            oldest = f" (the oldest is {duration(report['now_ns'] - report['first_ns'])} old)"
        parts.append(f"removes what is older than {options['keep']}{oldest}")
    if "max-size" in options:
        parts.append(f"the oldest above {options['max-size']}")
    return escape(" and ".join(parts)) or "keeps everything"
