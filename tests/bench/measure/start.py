"""How long commands take to start, as whole processes, in turns with a Python that only imports."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.measure.proc import Command, Taken, run
from tests.bench.peers.recorders import EXECDB
from tests.bench.results import Row, Spread
from tests.bench.table import spread
from tests.bench.workloads.fill import fill

_LIMIT = 1.15
_TURNS = 15
_EVENTS = 10_007


def rows(folder: Path) -> Iterator[Row]:
    db = folder / "start.db"
    fill("month", db, _EVENTS)
    yield _pair(db, "--help", "import typer")
    yield _pair(db, "query --limit 20", "import typer, sqlalchemy")


def _pair(db: Path, arguments: str, floor: str) -> Row:
    command: Command = [EXECDB, "--db", db, *arguments.split()]
    imports = [sys.executable, "-c", floor]
    for warm in (command, imports):
        run(warm)
    turns = [(run(command), run(imports)) for _ in range(_TURNS)]
    walls = [own.wall_s / other.wall_s for own, other in turns]
    own_ms = Spread.of([own.wall_s * 1e3 for own, _ in turns]).median
    text = f"{spread(walls)} ({own_ms:.0f} ms; CPU {spread(_cpu_ratios(turns))})"
    held = Spread.of(walls).median <= _LIMIT
    return Row(f"{arguments} over {floor}", f"<= {_LIMIT}", text, held)


def _cpu_ratios(turns: Sequence[tuple[Taken, Taken]]) -> list[float]:
    return [own.cpu_s / other.cpu_s for own, other in turns]
