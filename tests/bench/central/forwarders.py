"""As many forwarders as hosts, against one server: they catch up, then ship what comes."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median, quantiles

from tests.bench.central.hosts import Fleet, Host, Part
from tests.bench.measure import proc
from tests.bench.peers.recorders import EXECDB
from tests.bench.peers.rounds import say
from tests.bench.results import Row
from tests.bench.table import spread
from tests.central.server import Server

PART = 16  # execs of a host in a second
_PSS_MB, _BEHIND_S = 60, 7  # the forwarder looks every 5 s with a fifth of jitter
_WITHIN_S = 900
_TICKS = os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def forwarders(hosts: Sequence[Host], url: str) -> Iterator[list[int]]:
    """Their process ids."""
    with contextlib.ExitStack() as stack:
        pids = []
        for host in hosts:
            command: proc.Command = [EXECDB, "--db", host.path, "ship", "--to", url]
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            stack.callback(_end, process)
            pids.append(process.pid)
        yield pids


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(60)


@dataclass
class _Spent:
    """Time since this was made: by the clock, and CPU time of the forwarders and the server."""

    pids: Sequence[int]
    server: Server

    def __post_init__(self) -> None:
        self._begun_s, self._begun_cpu_s = time.monotonic(), self._cpu_s()

    def _cpu_s(self) -> tuple[float, float]:
        stat = Path(f"/proc/{self.server.pid}/stat").read_text().rpartition(") ")[2].split()
        ended_s = sum(map(int, stat[13:15])) / _TICKS  # cutime, cstime: proc_pid_stat(5)
        server_s = proc.cpu_ns(proc.family(self.server.pid)) / 1e9 + ended_s
        return proc.cpu_ns(self.pids) / 1e9, server_s

    def seconds(self) -> float:
        return time.monotonic() - self._begun_s

    def cpu_s(self) -> tuple[float, float]:
        own_s, server_s = self._cpu_s()
        return own_s - self._begun_cpu_s[0], server_s - self._begun_cpu_s[1]


def ship(
    fleet: Fleet, server: Server, database: str, seconds: int, url: str, connections_max: int
) -> Iterator[Row]:
    """By that URL, with at most so many connections of the server. The store has all that they have
    afterwards."""
    with server.connect(database) as connection:

        def asked(sql: str) -> int:
            row = connection.execute(sql.encode()).fetchone()
            return int(row[0]) if row else 0

        def wait_for(events: int) -> None:
            what = f"{events:,} events"
            proc.wait_for(lambda: asked(_SHIPPED) >= events, what, _WITHIN_S)

        say(f"{len(fleet.hosts)} forwarders catch up")
        with forwarders(fleet.hosts, url) as pids:
            spent = _Spent(pids, server)
            wait_for(fleet.events)
            yield from _caught_up(spent, fleet)
            say(f"{seconds} s of recording")
            yield from _going_on(fleet, partial(_Spent, pids, server), seconds, wait_for)
            connections = asked(_CONNECTIONS)
            held = connections <= connections_max
            yield Row("connections of the server", f"<= {connections_max}", f"{connections}", held)
            pss_mb = [proc.pss_kb([pid]) * 1_024 / 1e6 for pid in pids]
            held = max(pss_mb) <= _PSS_MB
            yield Row("Pss of a forwarder", f"<= {_PSS_MB} MB", spread(pss_mb, 0, " MB"), held)


def _caught_up(spent: _Spent, fleet: Fleet) -> Iterator[Row]:
    seconds, (own_s, server_s) = spent.seconds(), spent.cpu_s()
    rate = f"{fleet.events / seconds:,.0f} events/s"
    each_us = [cpu_s / fleet.events * 1e6 for cpu_s in (own_s, server_s)]
    yield Row(f"{len(fleet.hosts)} forwarders start and catch up", "", rate, None)
    text = "{:.1f} us of a forwarder, {:.1f} us of the server".format(*each_us)
    yield Row("the same, CPU an event", "", text, None)


def _going_on(
    fleet: Fleet, begin: Callable[[], _Spent], seconds: int, wait_for: Callable[[int], None]
) -> Iterator[Row]:
    parts, before = fleet.parts(PART), fleet.stored
    spent = begin()
    for second in range(seconds):
        for host, mine in parts.items():
            host.write(*mine[second])
        time.sleep(max(0.0, second + 1 - spent.seconds()))
    recorded_s, events = spent.seconds(), fleet.stored - before
    wait_for(fleet.stored)
    behind_s = spent.seconds() - recorded_s
    own, server = (100 * cpu_s / spent.seconds() for cpu_s in spent.cpu_s())
    yield Row(f"{seconds} s of recording on all", "", f"{events / recorded_s:,.0f} execs/s", None)
    held = behind_s <= _BEHIND_S
    yield Row("the last is in the store", f"<= {_BEHIND_S} s", f"after {behind_s:.1f} s", held)
    text = f"{own / len(spent.pids):.2f} % of a CPU for a forwarder, {server:.0f} % for the server"
    yield Row("the same, CPU", "", text, None)


def beside(host: Host, parts: Sequence[Part], url: str, turns: int = 6) -> Row:
    """What commits take with a forwarder that ships them, and without, in turns."""
    say("commits beside a forwarder")
    times_ms: dict[bool, list[float]] = {False: [], True: []}
    size = len(parts) // turns
    for turn in range(turns):
        with forwarders([host] if turn % 2 else [], url):
            for part in parts[turn * size : (turn + 1) * size]:
                times_ms[bool(turn % 2)].append(1e3 * host.write(*part))
                time.sleep(0.05)
    with_it, without = median(times_ms[True]), median(times_ms[False])
    slowest = " and ".join(f"{quantiles(times_ms[which], n=20)[-1]:.2f}" for which in (True, False))
    text = f"{with_it:.2f} ms, {without:.2f} without; 95 of 100 within {slowest}"
    return Row("commits beside a forwarder", "<= 1.25 x without", text, with_it <= 1.25 * without)


_SHIPPED = "SELECT coalesce(sum(shipped), 0) FROM execdb.run"
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'execdb ship'"
