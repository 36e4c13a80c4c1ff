"""How long the server works on the questions of commands (pg_stat_statements)."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import NamedTuple

from tests.bench.measure import proc
from tests.bench.peers.recorders import EXECDB
from tests.bench.peers.rounds import say
from tests.bench.results import Row
from tests.bench.table import spread
from tests.bench.workloads.synthetic import RARE
from tests.central.server import Server

SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track_planning": "on",
    "max_connections": "200",
    "shared_buffers": "512MB",
}
_TURNS = 5


class Question(NamedTuple):
    """A command, and how long the server may work for it."""

    limit_ms: int | None
    asked: Sequence[str]


def ask(server: Server, database: str, host: str) -> Iterator[Row]:
    """What is asked of the store that the forwarders filled."""
    with server.connect(database) as connection:

        def one(sql: str) -> str:
            row = connection.execute(sql.encode()).fetchone()
            return str(row[0]) if row else ""

        connection.execute(b"CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        connection.execute(b"VACUUM (ANALYZE)")
        session, day = one(_SESSION.format(host=host)), one(_DAY)
        for question in _questions(host, session, day.split()):
            yield _row(question, server.url(database), one)


def _questions(host: str, session: str, day: Sequence[str]) -> Iterator[Question]:
    of_host, of_day = ("query", "--host", host), ("--since", day[0], "--until", day[1])
    yield Question(20, (*of_host, "--uid", "1000", "--limit", "20"))
    yield Question(20, (*of_host, "--uid", str(RARE.uid)))
    yield Question(30, (*of_host, "--descendants-of", session))
    yield Question(300, ("query", "--arg", RARE.arg, *of_day))
    yield Question(300, ("query", "command~=part-7[0-9]*1", *of_day))
    yield Question(600, ("query", "--count"))
    yield Question(600, ("query", "--count", "comm=gcc"))
    yield Question(None, ("query", "--count", "--failed"))
    yield Question(None, ("timeline", "--since", "30d"))


def _row(question: Question, url: str, one: Callable[[str], str]) -> Row:
    say(" ".join(question.asked))
    times_ms, lines = [], 0
    for _ in range(_TURNS):
        one("SELECT pg_stat_statements_reset()::text")
        command: proc.Command = [EXECDB, *question.asked, "--db", url]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        lines = len(done.stdout.splitlines())
        times_ms.append(float(one(_TIME_MS)))
    text = f"{spread(times_ms, 0, ' ms')}, {lines} lines"
    if question.limit_ms is None:
        return Row(f"`{' '.join(question.asked)}`", "", text, None)
    held = median(times_ms) <= question.limit_ms
    return Row(f"`{' '.join(question.asked)}`", f"<= {question.limit_ms} ms", text, held)


# A login of a thousand events, and a whole day.
_SESSION = (
    "SELECT max(e.id) FROM execdb.exec e JOIN execdb.run USING (run_id) WHERE host = '{host}'"
    " AND comm = 'bash' AND time < now() - interval '5 d'"
)
_DAY = (
    "SELECT concat(max(time)::date - 2, 'T00:00:00Z ', max(time)::date - 1, 'T00:00:00Z')"
    " FROM execdb.exec"
)
_TIME_MS = (
    "SELECT sum(total_exec_time + total_plan_time) FROM pg_stat_statements"
    " WHERE toplevel AND query NOT LIKE '%pg_stat_statements%'"
    " AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
