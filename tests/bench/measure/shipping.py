"""What `execdb ship` costs: CPU for an event, and how fast it catches up with a large file."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from execdb.store.central.tables.upgrade import upgrade
from execdb.store.central.url import CentralUrl
from tests.bench.measure import proc
from tests.bench.peers.recorders import EXECDB
from tests.bench.peers.rounds import say
from tests.bench.results import Row, Spread
from tests.bench.table import limits, publish, spread
from tests.bench.workloads.fill import fill
from tests.central.server import Server

_ROUNDS = 3
_KINDS = {"builds": "builds of GNU hello", "month": "a month's mix"}
_NOTES = """\
Files of {events:,} events, shipped as a whole to an empty store on a PostgreSQL of its own on this
machine: over a loopback connection with TLS, without fsync. Medians of {rounds} rounds with
(least-greatest); the CPU is that of the forwarder (user and system) less that of a start with
nothing to ship. Both share one CPU: beside it, on the other thread of a core, the server would slow
the forwarder, which has a host of its own. {machine}. Measured with `make bench ARGS=ship`.
"""


def ship(events: int, write: Path | None) -> int:
    """Prints what was measured; 1 if a limit was missed."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # the server takes it over
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as folder:
        Path(folder).chmod(0o755)
        with _server(Path(folder)) as server:
            rows = [row for kind in _KINDS for row in _rows(server, Path(folder), kind, events)]
    notes = _NOTES.format(events=events, rounds=_ROUNDS, machine=proc.machine())
    publish("ship", f"{limits(rows)}\n{notes}", write)
    return int(any(row.held is False for row in rows))


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[Server]:
    home = folder / "server"
    home.mkdir(mode=0o755)
    server = Server(home)
    server.start()
    try:
        yield server
    finally:
        server.stop("immediate")


def _rows(server: Server, folder: Path, kind: str, events: int) -> Iterator[Row]:
    say(f"shipping {_KINDS[kind]}")
    db = folder / f"{kind}.db"
    fill(kind, db, events)
    cpu_us, rates, peak_kb, stored = [], [], 0, 0
    for number in range(_ROUNDS):
        url = _store(server, f"{kind}{number}")
        whole, start = _run(db, url), _run(db, url)
        cpu_us.append((whole.cpu_s - start.cpu_s) / events * 1e6)
        rates.append(events / (whole.wall_s - start.wall_s))
        peak_kb = max(peak_kb, whole.peak_kb)
        with server.connect(f"{kind}{number}") as connection:
            row = connection.execute(_SIZE).fetchone()
            stored = int(row[0]) if row else 0
    yield Row(
        f"CPU of ship an event, {_KINDS[kind]}", "<= 12 us", spread(cpu_us, 1, " us"),
        Spread.of(cpu_us).median <= 12,
    )  # fmt: skip
    yield Row(
        "the same, catching up", ">= 30,000 events/s", spread(rates, 0, " events/s"),
        Spread.of(rates).median >= 30_000,
    )  # fmt: skip
    yield Row("the same, peak resident size", "", f"{peak_kb / 1024:.0f} MiB", None)
    yield Row("the same, in the store", "", f"{stored / events:.0f} bytes an event", None)


_SIZE = (
    b"SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
    b" WHERE relkind = 'r' AND relnamespace = 'execdb'::regnamespace"
)


def _store(server: Server, name: str) -> str:
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    upgrade(CentralUrl(server.url(name)))
    return server.url(name)


def _run(db: Path, url: str) -> proc.Taken:
    """Ships all there is."""
    return proc.run([EXECDB, "--db", db, "ship", "--to", url, "--once"])
