"""What one collector records of 64 CPUs at growing rates, what it loses above its ceiling, and that
it says so."""

import contextlib
import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from execdb.bpf.requirements import default_ring_pages
from tests.bench.ceiling import dump
from tests.bench.ceiling.machine import Load, compiled
from tests.bench.ceiling.recording import Recorded, record
from tests.bench.measure import proc
from tests.bench.peers.rounds import say
from tests.bench.table import aligned, publish

_CPUS = 64
_DUMP_EXECS = 2_879 * 7  # of whole builds
_KINDS = {"builds": False, "every line new": True}
_TITLES = "offered", "command lines", "stored", "lost", "said", "CPU", "an exec", "until stored"
_NOTES = """\
{cpus} rings of {pages} pages, the size that `collect` chooses for so many CPUs, in plain memory.
A C program (`tests/bench/ceiling/machine.c`) fills them for {seconds:g} s as a kernel would:
execs with their ends, in no order of CPUs. The collector's own loop reads, decodes and stores
them, with the file, the checkpoints and the checks of a recording. The kernel's own work is not
in it. *Builds* are builds of GNU hello; in *every line new* each exec has an argument that no
other has.

*Stored*: a second, while the load lasted; what was in the rings then was stored after it.
*Said*: what was lost is in the ledger of the file, as `ring full`, the ledger adds up to what
was offered, and there was a warning. *CPU*: the collector's share of one CPU. *An exec*: the
collector's CPU time for each that it stored, with its end. *Until stored*: from exec to commit,
median (longest).

{machine}, load average {load}. Measured with `python -m tests.bench {arguments}`.
"""


def compare(rates: Sequence[int], seconds: float, write: Path | None) -> int:
    """Prints a row for each rate of execs a second and each kind of command lines. Returns 1 if
    something was lost and not said."""
    pages = default_ring_pages(_CPUS)
    rows, said = [], True
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as name:
        for kind, load, recorded, db in _all(Path(name), rates, seconds, pages):
            told = is_said(recorded, load, db)
            if not told:
                say(f"{recorded}, {_losses(db)}")
            rows.append([f"{load.rate:,}/s", kind, *cells(recorded, told)])
            said = said and told
    notes = _NOTES.format(
        cpus=_CPUS, pages=pages, seconds=seconds, machine=proc.machine(),
        load=", ".join(f"{each:.1f}" for each in os.getloadavg()), arguments=" ".join(sys.argv[1:]),
    )  # fmt: skip
    publish("ceiling", f"{aligned([_TITLES, *rows])}\n{notes}", write)
    return int(not said)


def _all(
    folder: Path, rates: Sequence[int], seconds: float, pages: int
) -> Iterator[tuple[str, Load, Recorded, Path]]:
    program, db = compiled(folder), folder / "execdb.db"
    for kind, unlike in _KINDS.items():
        path = folder / "dump"
        dump.write(path, _DUMP_EXECS, _CPUS, unlike=unlike)
        for rate in rates:
            say(f"{rate:,} execs/s, {kind}")
            load = Load(path, rate, int(rate * seconds))
            yield kind, load, record(program, load, _CPUS, pages, db), db
            for each in folder.glob("execdb.db*"):
                each.unlink()


def is_said(recorded: Recorded, load: Load, db: Path) -> bool:
    """Whether what became of each exec of the load is in the file and was said."""
    if (recorded.seen, recorded.kept + recorded.lost) != (load.execs, load.execs):
        return False
    with contextlib.closing(sqlite3.connect(db)) as connection:
        counted = connection.execute("SELECT seen, stored, lost FROM runs").fetchall()
        (rows,) = connection.execute("SELECT count(*) FROM image WHERE id > 0").fetchone()
    losses = _losses(db)
    if counted != [(load.execs, rows, recorded.lost)]:
        return False
    if not recorded.lost:
        return not losses and not recorded.warnings
    return losses == [("ring full", recorded.lost)] and any(map(_is_loss, recorded.warnings))


def _losses(db: Path) -> list[tuple[str, int]]:
    with contextlib.closing(sqlite3.connect(db)) as connection:
        sums = "SELECT cause, sum(lost) FROM losses GROUP BY cause"
        return connection.execute(sums).fetchall()


def _is_loss(warning: str) -> bool:
    return warning.startswith("execs are being lost (ring full)")


def cells(recorded: Recorded, said: bool) -> list[str]:
    """Those of a row, after what was offered."""
    share = recorded.cpu_s / recorded.took_s
    lost = recorded.lost / recorded.seen
    middle_ms, longest_ms = recorded.delays_ms
    return [
        f"{recorded.stored / recorded.took_s:,.0f}/s",
        f"{recorded.lost:,} ({100 * lost:.1f} %)" if recorded.lost else "0",
        "ok" if said else "**no**",
        f"{100 * share:.0f} %",
        f"{recorded.cpu_s / recorded.stored * 1e6:.1f} us",
        f"{middle_ms:,.0f} ms ({longest_ms:,.0f})",
    ]
