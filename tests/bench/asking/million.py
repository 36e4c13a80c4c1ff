"""What sums over a million events take, by commands and in plain SQL."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.measure import proc
from tests.bench.peers.recorders import EXECDB
from tests.bench.peers.rounds import say
from tests.bench.results import Row
from tests.bench.table import spread
from tests.bench.workloads.synthetic import RARE

_TURNS = 5
_SUMS_MAX_S = 2.0
_SUMS = ("stats --by comm", "stats --by uid,comm", "timeline --every 1h")
_PLAIN_SQL = {
    "count(*)": ("SELECT count(*) FROM execs", 0.5),
    "count(*) where comm = 'gcc'": ("SELECT count(*) FROM execs WHERE comm = 'gcc'", 0.3),
    "the rows of a rare uid": (f"SELECT * FROM execs WHERE uid = {RARE.uid}", 0.15),
    "one minute by time_ns": (
        "SELECT count(*) FROM execs WHERE time_ns BETWEEN"
        " (SELECT max(time_ns) FROM execs) - 60000000000 AND (SELECT max(time_ns) FROM execs)",
        0.1,
    ),
    "order by time_ns desc limit 20": ("SELECT * FROM execs ORDER BY time_ns DESC LIMIT 20", 0.05),
}


def rows(db: Path) -> Iterator[Row]:
    """Times by the clock: of whole commands, and of statements in a connection of their own."""
    for arguments in _SUMS:
        say(arguments)
        command: proc.Command = [EXECDB, "--db", db, *arguments.split()]
        took_s = [proc.run(command).wall_s for _ in range(_TURNS)]
        yield _row(f"`{arguments}`", took_s, _SUMS_MAX_S)
    for what, (statement, most_s) in _PLAIN_SQL.items():
        yield _row(f"plain SQL: {what}", [_asked_s(db, statement) for _ in range(_TURNS)], most_s)


def _row(what: str, took_s: list[float], most_s: float) -> Row:
    held = sorted(took_s)[len(took_s) // 2] <= most_s
    return Row(what, f"<= {most_s:g} s", spread(took_s, 3, " s"), held)


def _asked_s(db: Path, statement: str) -> float:
    with contextlib.closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as connection:
        begun_s = time.monotonic()
        connection.execute(statement).fetchall()
        return time.monotonic() - begun_s
