"""Histories to be pruned, and what is left of them."""

from execdb.store.event import Event, Exec
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.limits.bounds import Bounds
from execdb.store.limits.retention import Retention
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import START_NS, an_exec, counts, recorded, some_creds

HOUR_NS = 3_600 * 10**9
LEAST = Bounds(max_bytes=10_000_000)  # that a user may set: what is promised of sizes holds
SMALL = Bounds(max_bytes=4_000_000)  # for what does not depend on that, and takes less time
ALICE, BOB = 1_009, 1_013


def pruned(database: Database, bounds: Bounds, now_ns: int) -> int:
    """Takes every step that there is to take; returns how many rows were removed."""
    retention, removed = Retention(database, bounds), 0
    while (step := retention.step(now_ns)) is not None:
        removed += step
    return removed


def value_of(database: Database, sql: str) -> object:
    with database.reading() as connection:
        return scalar(connection, sql)


def orphans(database: Database) -> dict[str, object]:
    """How much of each table is in the file although nothing refers to it; and what blocks tell of
    failures that is not so."""
    told = "SELECT block, failure, count FROM failure_block"
    counted = (
        "SELECT id >> 10, CASE WHEN errno IS NULL THEN status ELSE -2 END, count(*) FROM image"
    )
    counted += " WHERE errno IS NOT NULL OR status > 0 GROUP BY 1, 2"
    used = "SELECT program_id FROM command UNION SELECT value FROM command, json_each(arguments)"
    questions = {
        "command": "SELECT count(*) FROM command WHERE id NOT IN (SELECT command_id FROM image)",
        "origin": "SELECT count(*) FROM origin WHERE id NOT IN (SELECT origin_id FROM image)",
        "program": f"SELECT count(*) FROM program WHERE id NOT IN ({used})",
        "argument": f"SELECT count(*) FROM argument WHERE id NOT IN ({used})",
        "pids": "SELECT count(*) FROM pid_block WHERE (pids, block) NOT IN"
        " (SELECT pid >> 5, id >> 10 FROM image)",
        "ppids": "SELECT count(*) FROM ppid_block WHERE (ppids, block) NOT IN"
        " (SELECT ppid >> 5, id >> 10 FROM image)",
        "failures": f"SELECT count(*) FROM (SELECT * FROM ({counted} EXCEPT {told})"
        f" UNION ALL SELECT * FROM ({told} EXCEPT {counted}))",
        "peaks": "SELECT count(*) FROM peak_block WHERE block NOT IN (SELECT id >> 10 FROM image)",
        "origins": "SELECT count(*) FROM origin_block WHERE (origin_id, block) NOT IN"
        " (SELECT origin_id, id >> 10 FROM image)",
        "programs": "SELECT count(*) FROM program_block WHERE (program_id, block) NOT IN"
        " (SELECT program_id, id >> 10 FROM image)",
    }
    found = {name: value_of(database, sql) for name, sql in questions.items()}
    return {name: count for name, count in found.items() if count}


def family(number: int, count: int) -> list[Exec]:
    """The first is the parent of all; each has an argument of its own."""
    first = an_exec(number)
    key = (first.boot_ns, first.pid)
    rest = [an_exec(number + n, argv=("x", str(number + n)), parent=key) for n in range(1, count)]
    return [first, *rest]


def of(uid: int, number: int, *argv: str) -> Exec:
    return an_exec(number, argv=argv, creds=some_creds()._replace(uid=uid))


def events(database: Database) -> list[Event]:
    return list(History(database).events(Filter()))


def record(database: Database, execs: list[Exec], each: int = 997) -> None:
    """In batches. A second run follows, so that the dictionary of the first is not in use."""
    recording = recorded(database, [])
    for first in range(0, len(execs), each):
        recording.write(execs[first : first + each], [], counts(first + each))
    recording.finish(START_NS, counts(len(execs)))
    recorded(database, [an_exec(999_983)])
