"""A hundred hosts and one central store: shipping to it, and asking it."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from execdb.store.central.tables.upgrade import upgrade
from execdb.store.central.url import CentralUrl
from tests.bench.central import questions
from tests.bench.central.forwarders import PART, beside, ship
from tests.bench.central.hosts import Fleet
from tests.bench.measure import proc
from tests.bench.peers.rounds import say
from tests.bench.results import Row
from tests.bench.table import limits, publish
from tests.bench.workloads.synthetic import SESSION
from tests.central.server import Server

HOSTS = 100
_COMMIT, _COMMITS = 50, 600
_DATABASE = "fleet"
_NOTES = """\
{hosts} files with {events:,} events of thirty days, a forwarder each, and a PostgreSQL on the same
machine, with TLS and without fsync. CPU times have the starts of the forwarders. The times of
questions are those of the server alone (pg_stat_statements, planning included) for all that the
command asks, each time by a new connection; medians (least-greatest). {machine}. Measured with
`make bench ARGS=central`.
"""


def compare(events: int, seconds: int, write: Path | None) -> int:
    """Prints what was measured; 1 if a limit was missed."""
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        server = _server(folder / "server", stack)
        rows = [*_rows(folder, server, events, seconds, stack)]
    notes = _NOTES.format(hosts=HOSTS, events=events, machine=proc.machine())
    publish("central", f"{limits(rows)}\n{notes}", write)
    return int(any(row.held is False for row in rows))


def _server(folder: Path, stack: ExitStack) -> Server:
    folder.mkdir(mode=0o755)
    server = Server(folder)
    server.configure(**questions.SETTINGS)
    server.start()
    stack.callback(server.stop, "immediate")
    with server.connect() as connection:
        for database in (_DATABASE, "beside"):
            connection.execute(f"CREATE DATABASE {database}".encode())
            upgrade(CentralUrl(server.url(database)))
    return server


def _rows(
    folder: Path, server: Server, events: int, seconds: int, stack: ExitStack
) -> Iterator[Row]:
    alone = Fleet(folder / "beside", 1, 0, _COMMIT * _COMMITS, stack)
    ((host, parts),) = alone.parts(_COMMIT).items()
    yield beside(host, parts, server.url("beside"))
    say(f"{events:,} events of {HOSTS} hosts")
    later = -(-PART * seconds // SESSION) * SESSION * HOSTS
    fleet = Fleet(folder / "hosts", HOSTS, events, later, stack)
    fleet.record(fleet.events)
    yield from ship(fleet, server, _DATABASE, seconds)
    yield from questions.ask(server, _DATABASE, fleet.hosts[HOSTS // 2].name)
