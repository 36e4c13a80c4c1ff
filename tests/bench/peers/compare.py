"""execdb against other recorders, in one session."""

import contextlib
import shlex
import sys
import tempfile
from pathlib import Path

from tests.bench import table
from tests.bench.measure.proc import machine
from tests.bench.peers.accounting import Accounting, Auditd
from tests.bench.peers.packages import Unavailable, fetch_hello
from tests.bench.peers.picture import picture
from tests.bench.peers.recorders import (
    Bpftrace,
    Execdb,
    Forkstat,
    Recorder,
    Strace,
)
from tests.bench.peers.rounds import Measuring, Turns, say
from tests.bench.peers.variants import ExecdbAttempts, ExecdbRules
from tests.bench.results import Peer, noise
from tests.bench.workloads.load import Programs

# Measured in this order. auditd is last: see there. A variant of execdb is a subclass with
# another `name` and `options`.
RECORDERS: list[type[Recorder]] = [
    Execdb,
    ExecdbRules,
    ExecdbAttempts,
    Bpftrace,
    Strace,
    Forkstat,
    Accounting,
    Auditd,
]

_NOTES = """\
Medians over {rounds} storms of each kind and {builds} builds, with (least-greatest); ratios of
storms with [quartile-quartile]. All recorders in turns, each storm between two without a recorder,
each build beside one. The storm is two processes that exec a tiny static program at full speed
({execs} execs in all, {few} under strace); the build is `./configure && make` of GNU hello (once
under strace). {without}

- *equal*: each exec has the same command line; *all new*: each has a number of its own as an
  argument, the worst case for a recorder that remembers what recurs.
- The exec rate of *none* is that of storms without a recorder over those next to them.
- *CPU* is that of the recorder's own processes (`schedstat`), plus `kauditd` for auditd; *CPU /
  execdb's* is the ratio in storms of the same kind, round by round.
- Work inside the recorded processes shows in *storm's CPU* and *build's CPU*; *BPF* is the part of
  it that BPF programs took (`kernel.bpf_stats_enabled`), in a storm of its own.
- Memory at the end of the storm: Pss, and the highest resident size since the start, helpers
  included.
- *captured*: new command lines are looked for one by one, equal ones are counted. *40 arguments
  whole*: of execs with forty arguments, 2 kB in all, those recorded uncut by default.
- Disk is everything the recorder left, for each captured exec, and after a build.
- auditd runs with the distribution's configuration and `-b 8192`: five logs of 8 MB, older ones are
  deleted. It comes last, because audit slows system calls until the next boot once it was enabled.
- Process accounting has no process of its own; it knows names, no arguments.
"""


def compare(rounds: int, builds: int, count: int, only: str, write: Path | None) -> int:
    """Prints the table, and writes it where asked. 0 when every recorder ran."""
    kinds = [kind for kind in RECORDERS if only.lower() in kind.name.lower()]
    with contextlib.ExitStack() as stack:
        programs = stack.enter_context(contextlib.closing(Programs()))
        source = (
            _source(Path(stack.enter_context(tempfile.TemporaryDirectory()))) if builds else None
        )
        peers: list[Peer] = []
        turns: list[Turns] = []
        for group in (kinds[:-1], kinds[-1:]) if Auditd in kinds else (kinds,):
            measured = [Measuring(kind, programs, source) for kind in group]
            peers += [one.peer for one in measured]
            turns.append(Turns(programs, count))
            try:
                _rounds(measured, turns[-1], rounds, builds, count)
            except BaseException:  # whoever interrupts gets what there is
                say(_table(peers, turns))
                raise
    table.publish("peers", _page(peers, turns, rounds, builds if source else 0, count), write)
    if write:
        write.with_name("peers.svg").write_text(picture(peers, machine()))
    return int(any(peer.failure for peer in peers))


def _rounds(measured: list[Measuring], turns: Turns, rounds: int, builds: int, count: int) -> None:
    """Each round meets all of them, so that a noisy minute does."""
    for _ in range(rounds):
        for one in measured:
            one.storms(turns)
    for one in measured:
        one.in_kernel(count)
    for _ in range(builds):
        for one in measured:
            one.build()


def _source(folder: Path) -> Path | None:
    try:
        return fetch_hello(folder)
    except (Unavailable, ValueError) as error:
        say(f"no build of GNU hello, its source is not to be had: {error}")
        return None


def _table(peers: list[Peer], turns: list[Turns]) -> str:
    return table.peers(peers, [ratio for one in turns for ratio in noise(one.alone)])


def _page(peers: list[Peer], turns: list[Turns], rounds: int, builds: int, count: int) -> str:
    command = shlex.join(["python", "-m", "tests.bench", *sys.argv[1:]])
    few = 2 * int(count * Strace.share)
    without = table.without([storm for one in turns for storm in one.alone])
    notes = _NOTES.format(rounds=rounds, builds=builds, execs=2 * count, few=few, without=without)
    return f"{_table(peers, turns)}\n{machine()}.\nMeasured with `{command}`.\n\n{notes}"
