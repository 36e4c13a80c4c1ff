"""Rows that went in another way than by retention are missed."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database, open_database
from execdb.store.file.sql import scalar
from execdb.store.importing.importer import import_lines
from execdb.store.ledger.missing_rows import missing_rows
from execdb.store.limits.bounds import Bounds
from execdb.store.limits.retention import Retention
from execdb.store.writing.recording import Recording
from tests.conftest import (
    MACHINE,
    START_NS,
    Answer,
    an_event,
    an_exec,
    counts,
    recorded,
)
from tests.store.importing.exports import lines_of


def lacks(database: Database, *, all_segments: bool = True) -> list[str]:
    with database.reading() as connection:
        return missing_rows(connection, all_segments=all_segments)


@pytest.fixture
def history(db: Path) -> Path:
    """Five imported rows; three runs, each of 7 and one that was seen, but for the oldest 3."""
    with open_database(db) as database:
        import_lines(database, lines_of(an_event(n + 50, boot_id="b") for n in range(5)))
        for run in range(3):
            recording = Recording(database, MACHINE, "0", START_NS)
            recording.know([an_exec(run * 100, pid=1)])
            recording.write([an_exec(run * 100 + n) for n in range(1, 8)], [], counts(7))
        retention = Retention(database, Bounds(keep_ns=1_000_000_000))
        while retention.step(START_NS + 1_000_000_000 + 4_000_000) is not None:
            pass
    return db


def test_what_retention_removed_is_not_missing(history: Path) -> None:
    with open_database(history) as database:
        assert lacks(database) == []
        retention = Retention(database, Bounds(keep_ns=1))
        while retention.step(START_NS + 10**15) is not None:
            pass
        assert lacks(database) == []
        recorded(database, [an_exec(n) for n in range(3)])
        assert lacks(database) == []


REMOVED = {
    "a row": ("DELETE FROM image WHERE id = 14", "1 of the rows 13 to 19 are missing"),
    "a row that was seen": ("DELETE FROM image WHERE id = -2", "1 of the rows -2 to -2"),
    "rows of the last run": ("DELETE FROM image WHERE id > 23", "3 of the rows 20 to 26"),
    "a run's rows and segment": (
        "DELETE FROM image WHERE id BETWEEN 13 AND 19; DELETE FROM segment WHERE first_id = 13",
        "7 rows of run 3 are missing: 7 were stored, 0 were pruned",
    ),
    "imported rows": (
        "DELETE FROM image WHERE id BETWEEN 1 AND 2;"
        "UPDATE segment SET first_id = 3 WHERE first_id = 1",
        "2 more rows are missing",
    ),
    "twice the same": (
        "UPDATE segment SET last_id = 20 WHERE first_id = 13",
        "claim the same rows",
    ),
}


@pytest.mark.parametrize("what", REMOVED)
def test_what_someone_removed_is_missed(
    history: Path, what: str, run: Callable[..., Answer]
) -> None:
    sql, sentence = REMOVED[what]
    with closing(sqlite3.connect(history)) as connection, connection:
        connection.executescript(sql)
    with open_database(history) as database:
        assert sentence in "; ".join(lacks(database))
        seldom = what in ("a row", "a row that was seen")  # only who reads all rows finds out
        assert bool(lacks(database, all_segments=False)) is not seldom
    if what == "a row":  # it looks at the machine as well, which takes its time
        answer = run("doctor")
        assert answer.code == 1
        assert sentence in answer.out


def test_numbers_that_cannot_be(history: Path) -> None:
    with open_database(history) as database:
        with database.writing() as connection:
            connection.execute("UPDATE run SET stored = 'many' WHERE id = 2")
        with pytest.raises(DatabaseError, match="inconsistent"):
            lacks(database)


def test_a_ledger_that_went_is_not_written_to_as_if_it_were_there(database: Database) -> None:
    recording = recorded(database, [an_exec(1)])
    with database.writing() as connection:
        connection.execute("DELETE FROM run")
    with pytest.raises(DatabaseError, match="run 1 is not in the database any more"):
        recording.write([an_exec(2)], [], counts(2))
    with pytest.raises(DatabaseError, match="run 1 is not in the database any more"):
        recording.finish(START_NS, counts(1))
    with database.reading() as connection:
        assert scalar(connection, "SELECT count(*) FROM image") == 1
