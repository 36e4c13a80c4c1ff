"""execdb against the limits of its design, and against bpftrace, in one session."""

import contextlib
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.asking import million
from tests.bench.measure import configuring, proc, replaying, start, storage
from tests.bench.peers.packages import Unavailable
from tests.bench.peers.recorders import Bpftrace, Execdb
from tests.bench.peers.rounds import Turns, say
from tests.bench.results import Alone, Peer, Row, Spread, Storm, noise
from tests.bench.table import half, limits, publish, spread, without
from tests.bench.workloads.burner import Burner
from tests.bench.workloads.fill import fill
from tests.bench.workloads.load import Programs, running

ROUNDS = 9
COUNT = 5_000  # execs of each of the two processes in a storm
LONG = 40_000  # and in the long run
FULL = 500_000
REPLAYED_S = 20
_BURNER_MIN, _BPFTRACE_MAX = 0.97, 0.2
_PSS_MAX = 32e6  # bytes
_FLAT_KB = 4 * 1024

_NOTES = """\
{machine}; load average {load} at the end. Measured with `{command}`.

Medians with (least-greatest). Verdicts on events a second go by CPU time (user and system), those
on the exec rate and on starts by the clock.

Storms: {rounds} rounds of {execs:,} execs of each kind, under execdb and under bpftrace, each storm
between two without a recorder. Ratios are taken round by round, with [quartile-quartile]. The
*burner* is a process that takes the collector's share of the CPU in that round and does nothing: a
ratio of 1 says that recording costs nothing beyond it. The exec rate *without over without* is what
becomes of a ratio of 1 on this machine. {without}

Absolute times and rates are those of this machine in that hour: its neighbours make it up to one
and a half times as slow. The same piece of work in Python, four times in this run, took {pace} of
CPU.
"""


@dataclass(frozen=True)
class Session:
    """Storms of equal command lines and with every one new, under execdb, beside a burner of its
    share of the CPU and under bpftrace, in the same rounds, and those without a recorder between
    them."""

    execdb: Peer
    burner: Peer
    bpftrace: Peer
    alone: list[Alone]
    start_s: list[float]


def hold(*, full: bool, events: int, write: Path | None) -> int:
    """Prints limit and measured value of each number; 1 if a limit was missed."""
    paces = [proc.pace_ms()]
    with contextlib.closing(Programs()) as programs:
        session = _session(programs)
        rows = [*storm_rows(session), *_long_rows(programs, FULL if full else LONG)]
    paces.append(proc.pace_ms())
    limit_s = 1.0
    held = Spread.of(session.start_s).median <= limit_s
    text = spread(session.start_s, 2, " s")
    rows.append(Row("start of collect to recording", f"<= {limit_s} s", text, held))
    with _folder() as folder:
        say("config set")
        rows += configuring.rows(folder)
        say("start")
        rows += start.rows(folder)
        rows += storage.rows(folder, events)
        paces.append(proc.pace_ms())
        say(f"a month's mix of {events:,} events")
        month = fill("month", folder / "month.db", events)
        rows.append(storage.size_row(f"a month's mix of {events:,} events", 105, month.bytes_each))
        rows += million.rows(folder / "month.db")
        rows += replaying.rows(folder / "month.db", events, REPLAYED_S)
    paces.append(proc.pace_ms())
    load = Path("/proc/loadavg").read_text().split()[0]
    command = shlex.join(["python", "-m", "tests.bench", *sys.argv[1:]])
    notes = _NOTES.format(
        machine=proc.machine(),
        load=load,
        command=command,
        rounds=ROUNDS,
        execs=2 * COUNT,
        without=without(session.alone),
        pace=spread(paces, 0, " ms"),
    )
    publish("limits", f"{limits(rows)}\n{notes}", write)
    return int(any(row.held is False for row in rows))


def soak(execs: int, write: Path | None) -> int:
    """So many execs flat out into one collector; the exit code says whether it held."""
    with contextlib.closing(Programs()) as programs:
        rows = _long_rows(programs, (execs + 1) // 2)
    command = shlex.join(["python", "-m", "tests.bench", *sys.argv[1:]])
    publish("soak", f"{limits(rows)}\n{proc.machine()}. Measured with `{command}`.", write)
    return int(any(row.held is False for row in rows))


def _session(programs: Programs) -> Session:
    """Rounds of all in turns, so that a noisy moment meets all of them."""
    turns = Turns(programs, COUNT)
    execdb, burner, bpftrace = Peer(Execdb.name), Peer(Burner.name), Peer(Bpftrace.name)
    start_s: list[float] = []

    for number in range(ROUNDS):
        say(f"storms {number + 1} of {ROUNDS}")
        for same in (True, False):
            with _folder() as folder:
                recorder = Execdb(folder)
                own = turns.storm(recorder, same=same)
                execdb.storms(same=same).rounds.append(own)
                start_s.append(recorder.start_s)
            with _folder() as folder:
                storm = turns.storm(Burner(folder, own.cpu_share), same=same)
                burner.storms(same=same).rounds.append(storm)
            try:
                with _folder() as folder:  # another try costs little where it is missing
                    storm = turns.storm(Bpftrace(folder), same=same)
                    bpftrace.storms(same=same).rounds.append(storm)
            except (Unavailable, TimeoutError) as error:
                bpftrace.failure = str(error)
    return Session(execdb, burner, bpftrace, turns.alone, start_s)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as folder:
        yield Path(folder)


def storm_rows(session: Session) -> Iterator[Row]:
    """The limits are for equal command lines."""
    for same, kind in ((True, "equal command lines"), (False, "every command line new")):
        own, burner, peer = (
            one.storms(same=same).rounds
            for one in (session.execdb, session.burner, session.bpftrace)
        )
        cpu_us = [storm.cpu_us for storm in own]
        yield Row(f"collector CPU per exec, {kind}", "", spread(cpu_us, 1, " us"), None)
        yield _over_row("the same over bpftrace execsnoop.bt", own, peer, same, session)
        ratios = [a.ratio / b.ratio for a, b in zip(own, burner, strict=True)]
        what = f"exec rate with recording over beside a burner, {kind}"
        limit = f">= {_BURNER_MIN}" if same else ""
        held = Spread.of(ratios).median >= _BURNER_MIN if same else None
        yield Row(what, limit, half(ratios), held)
        yield Row("the same over without", "", half([storm.ratio for storm in own]), None)
        if peer:
            ratios = [storm.ratio for storm in peer]
            yield Row("bpftrace execsnoop.bt over without", "", half(ratios), None)
    yield Row("exec rate without over without", "", half(noise(session.alone)), None)


def _over_row(what: str, own: list[Storm], peer: list[Storm], same: bool, session: Session) -> Row:
    """Round by round."""
    limit = f"<= {_BPFTRACE_MAX}" if same else ""
    if len(peer) != len(own):
        return Row(what, limit, f"not measured: {session.bpftrace.failure}", None)
    parts = [a.cpu_us / b.cpu_us for a, b in zip(own, peer, strict=True)]
    bpftrace = spread([storm.cpu_us for storm in peer], 1, " us")
    held = Spread.of(parts).median <= _BPFTRACE_MAX if same else None
    return Row(what, limit, f"{half(parts)} (bpftrace {bpftrace})", held)


def _long_rows(programs: Programs, count: int) -> list[Row]:
    """Loss and memory over one long storm, with memory read after its first fifth too."""
    say(f"a storm of {2 * count} execs")
    with _folder() as folder, Execdb(folder) as recorder:
        pss_kb, elapsed_s = [], 0.0
        pids = recorder.pids(0)
        for part in (count // 5, count - count // 5):
            with running(programs.storm(part)) as load:
                elapsed_s += load.finish()[1]
                proc.settle(pids)
                pss_kb.append(proc.pss_kb(pids))
                load.release()
        rss_kb, peak_kb = proc.rss_kb(pids), proc.peak_kb(pids)
        recorder.stop()
        lost, missing = recorder.lost(), 2 * count - recorder.stored_like("eb-_")
    execs = f"{2 * count} execs in {elapsed_s:.0f} s"
    memory = (
        f"Pss {pss_kb[-1] / 1024:.0f} MiB (after a fifth {pss_kb[0] / 1024:.0f}), "
        f"Rss {rss_kb / 1024:.0f}, peak {peak_kb / 1024:.0f}, "
        f"with the loader at start {recorder.peak_kb / 1024:.0f}; {execs}"
    )
    held = pss_kb[-1] * 1024 <= _PSS_MAX and pss_kb[-1] - pss_kb[0] <= _FLAT_KB
    return [
        Row("lost", "0", f"{lost} (not in the database: {missing}); {execs}", lost == missing == 0),
        Row("memory", f"Pss <= {_PSS_MAX / 1e6:.0f} MB, flat", memory, held),
    ]
