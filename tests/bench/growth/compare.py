"""What histories of 1, 10 and 100 million events take."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.asking.questions import LIMIT_MS
from tests.bench.growth.asked import NOISE_MS, PRUNED, History, ask
from tests.bench.growth.grown import Line, Point, merged, table
from tests.bench.growth.histories import written
from tests.bench.measure import proc
from tests.bench.peers.rounds import say
from tests.bench.table import publish
from tests.bench.workloads.fill import fill

_NOTES = """\
Histories of 30 days as in [Questions](#questions), with {sizes} events: the same logins, command
lines and rare things, more of them. Times are CPU times of whole processes less those of the same
command, or of `query --limit 1` with or without a condition, on a database of one event; the
least of {turns} turns. *Ok*: no
more than twice the time in the next larger history, or, where the answer is larger, twice as much
for an equal part of it; up to {noise:g} ms are noise. A question takes at most {limit} ms up to ten
million events, and twice that beyond. How many events were found is in parentheses.

- *File*: after a checkpoint. *Writing*: CPU time within the recorder's writing side.
- `stats` and `timeline` are sums of all events, each asked once.
- `coverage` is that of a copy with {runs:,} runs more, of a minute and an exec each; in parentheses
  are the lines that it shows. `prune` removes the oldest {pruned:,} events of a copy.
- *The page's first view*: CPU time of `execdb web` for it; by the clock in parentheses.
- *Memory*: the highest resident size of a process that asks.

{machine}. Measured with `python -m tests.bench {arguments}`.
"""


def compare(
    sizes: Sequence[int],
    turns: int,
    runs: int,
    only: str,
    keep: Path | None,
    write: Path | None,
) -> int:
    """Prints a row for each thing whose name has the pattern `only`, and a column for each size.
    Histories stay in the folder `keep`, and are taken from there. Returns 1 if something grows
    faster than its answer, or takes more than its limit."""
    sizes = sorted(sizes)
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as name:
        folder = Path(name)
        fill("month", folder / "one.db", 1)
        lines = merged([list(_column(folder, events, turns, runs, only, keep)) for events in sizes])
    notes = _NOTES.format(
        sizes=", ".join(f"{events:,}" for events in sizes), turns=turns, noise=NOISE_MS,
        limit=LIMIT_MS, runs=runs, pruned=PRUNED, machine=proc.machine(),
        arguments=" ".join(sys.argv[1:]),
    )  # fmt: skip
    publish("growth", f"{table(sizes, lines)}\n{notes}", write)
    return int(not all(line.held for line in lines))


def _column(
    folder: Path, events: int, turns: int, runs: int, only: str, keep: Path | None
) -> Iterator[Line]:
    db = (keep or folder) / f"{events}.db"
    say(f"a history of {events:,} events")
    filled = written(db, events)
    yield Line("writing an event", "us", [Point(1e6 / filled.rate)], digits=1)
    yield Line("memory of writing", "MiB", [Point(filled.peak_kb / 1024)])
    yield Line("file, an event", "bytes", [Point(filled.bytes_each)], digits=1)
    yield from ask(History(db, folder / "one.db", folder, events, turns), runs, only)
