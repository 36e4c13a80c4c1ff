"""execdb status of a central store: how far each host is shipped, and what was lost."""

from typing import Any

from execdb.cli.output.counted import counted
from execdb.cli.output.escape import escape
from execdb.cli.show.durations import duration
from execdb.store.central.hosts import COUNTS, read_hosts
from execdb.store.central.url import CentralUrl
from execdb.store.times import rfc3339

_SILENT_NS = 60 * 10**9  # a forwarder comes every 5 s, or is trying again
_SKEW_NS = 2 * 10**9


def of_central(url: CentralUrl) -> dict[str, Any]:
    """Everything that is known, as plain data. Raises CentralError."""
    hosts = read_hosts(url)
    sums = {name: sum(host[name] for host in hosts) for name in COUNTS}
    return {"database": str(url), **sums, "hosts": hosts}


def central_lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    hosts = found["hosts"]
    return [
        f"database   {escape(found['database'])}",
        f"hosts      {len(hosts)}, {counted(sum(host['runs'] for host in hosts), 'run')}",
        f"events     {found['shipped']} shipped; {found['unshipped']} were pruned before",
        f"ledger     seen {found['seen']} = stored {found['stored']} + filtered "
        f"{found['filtered']} + lost {found['lost']}",
        *(f"host       {_host(host)}" for host in hosts),
    ]


def _host(host: dict[str, Any]) -> str:
    group = "" if host["host_group"] is None else f" ({escape(host['host_group'])})"
    until = host["shipped_to_ns"]
    parts = [
        f"{escape(host['host'])}{group}: {host['shipped']} shipped",
        "nothing yet" if until is None else f"up to {rfc3339(until)}",
    ]
    parts += [f"{host[name]} {name}" for name in ("lost", "unshipped") if host[name]]
    if len(host["logins"]) > 1:
        parts.append(f"shipped by {' and '.join(map(escape, host['logins']))}")
    if host["silent_ns"] > _SILENT_NS:
        parts.append(f"silent for {duration(host['silent_ns'])}")
    skew_ns = host["skew_ns"] or 0
    if abs(skew_ns) > _SKEW_NS:
        ahead = "ahead" if skew_ns > 0 else "behind"
        parts.append(f"its clock is {duration(abs(skew_ns))} {ahead}")
    return ", ".join(parts)
