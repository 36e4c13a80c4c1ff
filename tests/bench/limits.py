"""execdb against the limits of its design, and against bpftrace, in one session."""

import contextlib
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench import configuring, proc, replaying, start, storage
from tests.bench.load import Programs, running
from tests.bench.packages import Unavailable
from tests.bench.recorders import Bpftrace, Execdb
from tests.bench.results import Row, Spread, Storm
from tests.bench.rounds import say, storm_beside, under
from tests.bench.table import limits, publish, spread

ROUNDS = 5
COUNT = 4_000  # execs of each of the two processes in a round
LONG = 40_000  # and in the long run
FULL = 500_000
REPLAYED_S = 20

_NOTES = """\
{machine}; load average {load} at the end. Measured with `{command}`.

Medians with (least-greatest). CPU is user and system time of the processes named, whatever else
the machine did meanwhile; rates by the clock are lower where it is shared. Verdicts on events a
second go by CPU time, those on the exec rate and on starts by the clock.
"""


@dataclass(frozen=True)
class Session:
    """Storms with every command line new, with all the same, and those under bpftrace."""

    new: list[Storm]
    same: list[Storm]
    bpftrace: list[Storm]
    start_s: list[float]
    no_bpftrace: str = ""


def hold(*, full: bool, events: int, write: Path | None) -> int:
    """Prints limit and measured value of each number; 1 if a limit was missed."""
    with contextlib.closing(Programs()) as programs:
        session = _session(programs)
        rows = [*_storm_rows(session), *_long_rows(programs, FULL if full else LONG)]
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
    notes = _NOTES.format(machine=proc.machine(), load=load, command=command)
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
    """Rounds of all three in turns, so that a noisy moment meets all of them."""
    new: list[Storm] = []
    same: list[Storm] = []
    bpftrace: list[Storm] = []
    start_s: list[float] = []
    missing = ""

    for number in range(ROUNDS):
        say(f"storm {number + 1} of {ROUNDS}")
        with _folder() as folder:
            recorder = Execdb(folder)
            new.append(storm_beside(recorder, programs, COUNT))
            start_s.append(recorder.start_s)
        if number % 2 == 0:
            continue
        with _folder() as folder:
            same.append(under(Execdb(folder), programs, COUNT, same=True))
        try:
            with _folder() as folder:  # a second try costs little where it is missing
                bpftrace.append(storm_beside(Bpftrace(folder), programs, COUNT))
        except (Unavailable, TimeoutError) as error:
            missing = str(error)
    return Session(new, same, bpftrace, start_s, missing)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as folder:
        yield Path(folder)


def _storm_rows(session: Session) -> Iterator[Row]:
    kinds = (("every command line new", session.new), ("all the same", session.same))
    for kind, storms in kinds:
        cpu_us = [storm.cpu_us for storm in storms]
        what = f"collector CPU per exec, {kind}"
        yield Row(what, "<= 8 us", spread(cpu_us, 1, " us"), Spread.of(cpu_us).median <= 8)
    peer_us = [storm.cpu_us for storm in session.bpftrace]
    for kind, storms in kinds:
        what = f"the same over bpftrace execsnoop.bt, {kind}"
        if not peer_us:
            yield Row(what, "<= 0.25", f"not measured: {session.no_bpftrace}", None)
            continue
        part = Spread.of([s.cpu_us for s in storms]).median / Spread.of(peer_us).median
        text = f"{part:.2f} (bpftrace {spread(peer_us, 1, ' us')})"
        yield Row(what, "<= 0.25", text, part <= 0.25)
    ratios = [storm.ratio for storm in session.new]
    held = Spread.of(ratios).median >= 0.92
    yield Row("exec rate with recording over without", ">= 0.92", spread(ratios), held)
    if session.bpftrace:
        peers = [storm.ratio for storm in session.bpftrace]
        yield Row("the same, bpftrace execsnoop.bt", "", spread(peers), None)


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
