"""What others may build on: the views, read with nothing but SQLite."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.store.event import Event, raw_of
from execdb.store.fields import FIELDS
from execdb.store.file.database import open_database
from execdb.store.importing.importer import import_lines
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.schema.definition import statements
from execdb.store.times import rfc3339
from tests.conftest import START_NS, an_event, an_exec, counts, recorded
from tests.store.importing.exports import lines_of

EXECS = """
    id run_id time_ns time boot_ns boot_id host pid ppid uid euid gid comm filename argv argc
    truncated message errno caller exit_code signal duration_ns parent_id
"""
RUNS = "run_id host boot_id started_ns ended_ns ended seen stored filtered lost"


@pytest.fixture
def plain(db: Path) -> Iterator[sqlite3.Connection]:
    """The file as any other program opens it; with events in it."""
    with open_database(db) as database:
        recording = recorded(
            database,
            [
                an_exec(0, argv=("sh", "-c", 'echo "é"\n\x1b[31m'), pid=23),
                an_exec(1, argv=("\udcff", ""), filename="/tmp/\udcff", comm="\udcff"),
            ],
        )
        recording.finish(START_NS + 7, counts(2, lost=5))
        import_lines(database, lines_of([an_event(23, boot_id="elsewhere", host="far")]))
    connection = sqlite3.connect(db)
    connection.row_factory = sqlite3.Row
    yield connection
    connection.close()


def test_the_columns_are_those_of_the_contract(plain: sqlite3.Connection) -> None:
    def columns(view: str) -> list[str]:
        return [row["name"] for row in plain.execute(f"PRAGMA table_info({view})")]

    assert set(columns("execs")) >= set(EXECS.split())
    assert columns("execs") == columns("seen") == [field.name for field in FIELDS]
    assert columns("runs")[: len(RUNS.split())] == RUNS.split()


def test_a_row_is_the_event(db: Path, plain: sqlite3.Connection) -> None:
    with open_database(db) as database:
        events = list(History(database).events(Filter()))
    rows = plain.execute("SELECT * FROM execs ORDER BY time_ns, id").fetchall()
    assert len(rows) == len(events) == 3
    for row, event in zip(rows, events, strict=True):
        assert row["time"] == rfc3339(event.time_ns)
        assert tuple(json.loads(row["argv"])) == event.argv
        for name in set(Event._fields) - {"argv"}:
            value, expected = row[name], getattr(event, name)
            if isinstance(value, bytes):  # what is not UTF-8 is a blob, which every reader can read
                expected = raw_of(expected)
            assert value == expected, name


def test_arguments_can_be_taken_apart_in_sql(plain: sqlite3.Connection) -> None:
    sql = "SELECT value FROM execs, json_each(execs.argv) WHERE pid = 23"
    assert [row[0] for row in plain.execute(sql)] == ["sh", "-c", 'echo "é"\n\x1b[31m']


def test_a_run_is_one_collector_life(plain: sqlite3.Connection) -> None:
    (row,) = plain.execute("SELECT * FROM runs")
    assert [row[name] for name in ("host", "started_ns", "ended_ns", "ended")] == [
        "workshop",
        START_NS,
        START_NS + 7,
        "clean",
    ]
    assert (row["seen"], row["stored"], row["filtered"], row["lost"]) == (7, 2, 0, 5)


def test_the_file_is_sound(plain: sqlite3.Connection) -> None:
    assert plain.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert plain.execute("PRAGMA foreign_key_check").fetchall() == []
    assert plain.execute("PRAGMA application_id").fetchone()[0] == 0x45584442


@given(st.integers(0, 253_402_300_799_999_999_999).map(lambda ns: min(ns, (1 << 63) - 1)))
def test_sqlite_and_python_write_the_same_time(time_ns: int) -> None:
    (view,) = (sql for sql in statements() if "VIEW images" in sql)
    formula = view.split(" AS time_ns,")[1].split(" AS time,")[0]
    connection = sqlite3.connect(":memory:")
    (text,) = connection.execute(f"SELECT {formula} FROM (SELECT ? AS time_ns) image", [time_ns])
    connection.close()
    assert text[0] == rfc3339(time_ns)


@pytest.mark.parametrize(
    ("question", "steps"),
    [
        ("SELECT count(*) FROM execs WHERE time_ns BETWEEN 1 AND 2", "image_time"),
        ("SELECT * FROM execs ORDER BY time_ns DESC LIMIT 20", "image_time"),
        ("SELECT * FROM execs WHERE parent_id = 1", "image_parent"),
        ("SELECT * FROM execs WHERE id BETWEEN 1 AND 2", "INTEGER PRIMARY KEY"),
    ],
)
def test_sqlite_finds_rows_by_an_index(
    plain: sqlite3.Connection, question: str, steps: str
) -> None:
    (first, *_) = [row["detail"] for row in plain.execute(f"EXPLAIN QUERY PLAN {question}")]
    assert first.split(" ")[1] == "image"
    assert steps in first


@pytest.mark.parametrize(
    ("columns", "tables"),
    [
        ("count(*)", {"image", "program"}),
        ("pid, uid, comm, time", {"image", "program"}),
        ("cwd", {"image", "program", "origin"}),
        ("argc", {"image", "program", "command"}),
        ("run_id", {"image", "program", "segment"}),
    ],
)
def test_what_a_question_does_not_name_is_not_read(
    plain: sqlite3.Connection, columns: str, tables: set[str]
) -> None:
    steps = [
        row["detail"] for row in plain.execute(f"EXPLAIN QUERY PLAN SELECT {columns} FROM execs")
    ]
    assert {step.split(" ")[1] for step in steps if step.startswith(("SCAN", "SEARCH"))} == tables
