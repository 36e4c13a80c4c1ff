"""execdb status: what is running, stored and lost, and whether the kernel has the config."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from execdb.cli.commands.config.changed import refused_of
from execdb.cli.input.formats import ReportFormat
from execdb.cli.output.counted import counted
from execdb.cli.output.escape import escape
from execdb.cli.show.notes import filter_notes, trim_notes
from execdb.cli.show.sizes import size
from execdb.store.central.url import CentralUrl
from execdb.store.times import rfc3339

if TYPE_CHECKING:
    from execdb.store.config.snapshot import Config
    from execdb.store.ledger.totals import Totals


EXAMPLES = """
execdb status
execdb status --format json | jq .lost
execdb status --db postgresql://db.example/history  # of a central store
"""
_NAMED = 5  # reasons why something is not in the kernel
_RUNS = 5


def status(
    context: typer.Context,
    format: Annotated[ReportFormat, typer.Option(help="How to show it.")] = ReportFormat.TEXT,
) -> None:
    """Show what is running, stored and lost, and whether the kernel has the config.

    With the URL of a central store: its hosts, how far each is shipped, and what was lost.
    """
    if isinstance(context.obj, CentralUrl):
        from execdb.cli.sums.central_status import central_lines, of_central

        hosts = of_central(context.obj)
        print(json.dumps(hosts) if format is ReportFormat.JSON else "\n".join(central_lines(hosts)))
        return
    found = of_file(context.obj)
    if format is ReportFormat.JSON:
        print(json.dumps(found))
    else:
        print("\n".join(lines(found)))


def of_file(path: Path) -> dict[str, Any]:
    """Everything that is known of a file. Raises DatabaseError."""
    from execdb.store.config.table import ConfigTable
    from execdb.store.file.database import open_database
    from execdb.store.file.locks.collector_lock import collector_pid
    from execdb.store.ledger.filters import read_filters
    from execdb.store.ledger.totals import read_totals

    with open_database(path) as database, database.snapshot():
        totals, config = read_totals(database), ConfigTable(database).read()
        more = trim_notes.fullest(database)
        more["filters"] = filter_notes.totals(read_filters(database))
    return describe(str(path), collector_pid(path), totals, config) | more


def describe(path: str, pid: int | None, totals: "Totals", config: "Config") -> dict[str, Any]:
    """Everything that is known, as plain data."""
    return {
        "database": path,
        "size_bytes": totals.size_bytes,
        "collector_pid": pid,
        "events": totals.events,
        "first_ns": totals.first_ns,
        "last_ns": totals.last_ns,
        "seen": sum(run["seen"] for run in totals.runs),
        "stored": sum(run["stored"] for run in totals.runs),
        "filtered": sum(run["filtered"] for run in totals.runs),
        "lost": sum(run["lost"] for run in totals.runs),
        "pruned": sum(run["pruned"] for run in totals.runs),
        "losses": totals.losses,
        "config": {
            "default": config.default,
            "entries": len(config.entries),
            "rules": len(config.rules),
            "limits": len(config.limits),
            "generation": config.generation,
            "in_kernel": pid is not None
            and config.in_kernel >= config.generation
            and not config.refused,
        }
        | refused_of(config),
        "runs": totals.runs,
    }


def lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    pid, config, runs = found["collector_pid"], found["config"], found["runs"]
    entries = ", ".join(
        (
            counted(config["entries"], "entry", "entries"),
            counted(config["rules"], "rule"),
            counted(config["limits"], "limit"),
        )
    )
    if config["default"] is not None:
        entries += f', default "{escape(config["default"])}"'
    span = ""
    if found["events"]:
        span = f", from {rfc3339(found['first_ns'])} to {rfc3339(found['last_ns'])}"
    pruned = f"pruned     {found['pruned']}: removed by --keep, --max-size or execdb prune"
    answer = [
        f"collector  {'not running' if pid is None else f'running, pid {pid}'}",
        f"database   {escape(found['database'])}, {size(found['size_bytes'])}",
        f"events     {found['events']}{span}",
        f"ledger     seen {found['seen']} = stored {found['stored']} + filtered "
        f"{found['filtered']} + lost {found['lost']}, in {counted(len(runs), 'run')}",
        *(
            f"lost       {loss['lost']}: {escape(loss['cause'])}, {rfc3339(loss['from_ns'])} to "
            f"{rfc3339(loss['to_ns'])}"
            for loss in found["losses"]
        ),
        *filter_notes.status_lines(found.get("filters", [])),
        *([pruned] if found["pruned"] else []),
        *trim_notes.status_lines(found),
        f"config     {entries}; {_where(pid, config)}",
        *(f"config     not in the kernel: {escape(text)}" for text in _refused(config)),
    ]
    for run in runs[:_RUNS]:
        ended = "running" if run["ended"] is None and pid is not None else run["ended"] or "crashed"
        answer.append(
            f"run {run['run_id']:<6} {rfc3339(run['started_ns'])} {escape(ended)}: seen "
            f"{run['seen']}, stored {run['stored']}, filtered {run['filtered']}, lost "
            f"{run['lost']} on {escape(run['host'])}"
        )
    if len(runs) > _RUNS:
        answer.append(f"{len(runs) - _RUNS} older runs: execdb status --format json")
    return answer


def _where(pid: int | None, config: dict[str, Any]) -> str:
    if pid is None:
        return "not in the kernel: no collector is running"
    if config["in_kernel"]:
        return "in the kernel"
    return "not all of it in the kernel" if "refused" in config else "on its way to the kernel"


def _refused(config: dict[str, Any]) -> list[str]:
    refused = config.get("refused", [])
    named = [
        each["why"] if each["uid"] is None else f"uid {each['uid']}: {each['why']}"
        for each in refused[:_NAMED]
    ]
    return [*named, f"{len(refused) - _NAMED} more: execdb config list"][: len(refused)]
