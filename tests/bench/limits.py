"""execdb against the limits of its design, and against bpftrace, in one session."""

import contextlib
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import configuring, proc, replaying, start, storage
from tests.bench.peers.packages import Unavailable
from tests.bench.peers.recorders import Bpftrace, Execdb
from tests.bench.peers.rounds import Turns, say
from tests.bench.results import Alone, Peer, Row, Spread, Storm, noise
from tests.bench.table import half, limits, publish, spread, without
from tests.bench.workloads.load import Programs, running

ROUNDS = 9
COUNT = 5_000  # execs of each of the two processes in a storm
LONG = 40_000  # and in the long run
FULL = 500_000
REPLAYED_S = 20

_NOTES = """\
{machine}; load average {load} at the end. Measured with `{command}`.

Medians with (least-greatest). Verdicts on events a second go by CPU time (user and system), those
on the exec rate and on starts by the clock.

Storms: {rounds} rounds of {execs:,} execs of each kind, under execdb and under bpftrace, each storm
between two without a recorder. Ratios are taken round by round, with [quartile-quartile]. The
limits on CPU for an exec and on the exec rate are for equal command lines. The exec rate *without
over without* is what becomes of a ratio of 1 on this machine. {without}
"""


@dataclass(frozen=True)
class Session:
    """Storms of equal command lines and with every one new, under execdb and under bpftrace, in
    the same rounds, and those without a recorder between them."""

    execdb: Peer
    bpftrace: Peer
    alone: list[Alone]
    start_s: list[float]


def hold(*, full: bool, events: int, write: Path | None) -> int:
    """Prints limit and measured value of each number; 1 if a limit was missed."""
    with contextlib.closing(Programs()) as programs:
        session = _session(programs)
        rows = [*storm_rows(session), *_long_rows(programs, FULL if full else LONG)]
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
        rows += replaying.rows(folder, events, REPLAYED_S)
    load = Path("/proc/loadavg").read_text().split()[0]
    command = shlex.join(["python", "-m", "tests.bench", *sys.argv[1:]])
    notes = _NOTES.format(
        machine=proc.machine(),
        load=load,
        command=command,
        rounds=ROUNDS,
        execs=2 * COUNT,
        without=without(session.alone),
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
    execdb, bpftrace = Peer(Execdb.name), Peer(Bpftrace.name)
    start_s: list[float] = []

    for number in range(ROUNDS):
        say(f"storms {number + 1} of {ROUNDS}")
        for same in (True, False):
            with _folder() as folder:
                recorder = Execdb(folder)
                execdb.storms(same=same).rounds.append(turns.storm(recorder, same=same))
                start_s.append(recorder.start_s)
            try:
                with _folder() as folder:  # another try costs little where it is missing
                    storm = turns.storm(Bpftrace(folder), same=same)
                    bpftrace.storms(same=same).rounds.append(storm)
            except (Unavailable, TimeoutError) as error:
                bpftrace.failure = str(error)
    return Session(execdb, bpftrace, turns.alone, start_s)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as folder:
        yield Path(folder)


def storm_rows(session: Session) -> Iterator[Row]:
    """The contract's limits are for equal command lines; for new ones, 40,000 execs/s of CPU."""
    for same, kind in ((True, "equal command lines"), (False, "every command line new")):
        own, peer = (one.storms(same=same).rounds for one in (session.execdb, session.bpftrace))
        yield _cpu_row(f"collector CPU per exec, {kind}", own, same)
        yield _over_row("the same over bpftrace execsnoop.bt", own, peer, same, session)
        ratios = [storm.ratio for storm in own]
        held = Spread.of(ratios).median >= 0.92 if same else None
        what = f"exec rate with recording over without, {kind}"
        yield Row(what, ">= 0.92" if same else "", half(ratios), held)
        if peer:
            ratios = [storm.ratio for storm in peer]
            yield Row("the same, bpftrace execsnoop.bt", "", half(ratios), None)
    yield Row("exec rate without over without", "", half(noise(session.alone)), None)


def _cpu_row(what: str, storms: list[Storm], same: bool) -> Row:
    cpu_us = [storm.cpu_us for storm in storms]
    text, each_us = spread(cpu_us, 1, " us"), Spread.of(cpu_us).median
    if same:
        return Row(what, "<= 8 us", text, each_us <= 8)
    rate = 1e6 / each_us
    return Row(what, ">= 40,000 execs/s of it", f"{text}: {rate:,.0f} execs/s of it", rate >= 40e3)


def _over_row(what: str, own: list[Storm], peer: list[Storm], same: bool, session: Session) -> Row:
    """Round by round."""
    limit = "<= 0.25" if same else ""
    if len(peer) != len(own):
        return Row(what, limit, f"not measured: {session.bpftrace.failure}", None)
    parts = [a.cpu_us / b.cpu_us for a, b in zip(own, peer, strict=True)]
    bpftrace = spread([storm.cpu_us for storm in peer], 1, " us")
    held = Spread.of(parts).median <= 0.25 if same else None
    return Row(what, limit, f"{half(parts)} (bpftrace {bpftrace})", held)


def _long_rows(programs: Programs, count: int) -> list[Row]:
    """Loss and memory over one long storm, with memory read after its first fifth too."""
    say(f"a storm of {2 * count} execs")
    with _folder() as folder, Execdb(folder) as recorder:
        rss_kb, elapsed_s = [], 0.0
        pids = recorder.pids(0)
        for part in (count // 5, count - count // 5):
            with running(programs.storm(part)) as load:
                elapsed_s += load.finish()[1]
                proc.settle(pids)
                rss_kb.append(proc.rss_kb(pids))
                load.release()
        pss_kb, peak_kb = proc.pss_kb(pids), proc.peak_kb(pids)
        recorder.stop()
        lost, missing = recorder.lost(), 2 * count - recorder.stored_like("eb-_")
    execs = f"{2 * count} execs in {elapsed_s:.0f} s"
    memory = (
        f"Rss {rss_kb[-1] / 1024:.0f} MiB (after a fifth {rss_kb[0] / 1024:.0f}), "
        f"Pss {pss_kb / 1024:.0f}, peak {peak_kb / 1024:.0f}, "
        f"with the loader at start {recorder.peak_kb / 1024:.0f}; {execs}"
    )
    return [
        Row("lost", "0", f"{lost} (not in the database: {missing}); {execs}", lost == missing == 0),
        Row("resident memory", "<= 48 MB, flat", memory, rss_kb[-1] * 1024 <= 48e6),
    ]
