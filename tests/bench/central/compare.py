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
from tests.central.pooler import pooler
from tests.central.server import ADMIN, Server

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


_POOLED_NOTES = """\
The same with {events:,} events, through a pgbouncer with `pool_mode = transaction` and at most
{processes} connections to the server. {machine}. Measured with
`make bench ARGS='central --events {events} --seconds {seconds} --pooler {processes}'`.
"""


def compare(events: int, seconds: int, processes: int, write: Path | None) -> int:
    """Prints what was measured; 1 if a limit was missed. With `processes` all forwarders go through
    a pooler that has so many connections to the server, and nothing is asked."""
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        server = _server(folder / "server", stack)
        if processes:
            rows = [*_pooled(folder, server, events, seconds, processes, stack)]
        else:
            rows = [*_rows(folder, server, events, seconds, stack)]
    notes = (_POOLED_NOTES if processes else _NOTES).format(
        hosts=HOSTS, events=events, seconds=seconds, processes=processes, machine=proc.machine()
    )
    publish("pooler" if processes else "central", f"{limits(rows)}\n{notes}", write)
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
    fleet = _fleet(folder, events, seconds, stack)
    yield from ship(fleet, server, _DATABASE, seconds, server.url(_DATABASE), HOSTS)
    yield from questions.ask(server, _DATABASE, fleet.hosts[HOSTS // 2].name)


def _pooled(
    folder: Path, server: Server, events: int, seconds: int, processes: int, stack: ExitStack
) -> Iterator[Row]:
    fleet = _fleet(folder, events, seconds, stack)
    with pooler(server, processes) as pool:
        url = pool.url(_DATABASE, ADMIN)
        yield from ship(fleet, server, _DATABASE, seconds, url, processes)


def _fleet(folder: Path, events: int, seconds: int, stack: ExitStack) -> Fleet:
    say(f"{events:,} events of {HOSTS} hosts")
    later = -(-PART * seconds // SESSION) * SESSION * HOSTS
    fleet = Fleet(folder / "hosts", HOSTS, events, later, stack)
    fleet.record(fleet.events)
    return fleet
