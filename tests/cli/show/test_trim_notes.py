"""Who filled a file that a bound on size has held: said by status, coverage and query."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from execdb.cli.show.gap_notes import INCOMPLETE
from execdb.store.file.database import open_database
from execdb.store.ledger.trimmed import Trim, add_trims
from execdb.store.times import local_time
from tests.cli.show.runs_with_gaps import a_run
from tests.conftest import START_NS, Answer

Run = Callable[..., Answer]
MS = 1_000_000


def at(number: int) -> int:
    return START_NS + number * MS


@pytest.fixture
def trimmed(db: Path) -> Path:
    with open_database(db) as database:
        a_run(database, 0, 1_000)
        with database.writing() as connection:
            add_trims(
                connection,
                [
                    Trim("arguments", 1_009, 97, at(200), at(300)),
                    Trim("arguments", 1_013, 3, at(250), at(260)),
                    Trim("rows", 1_009, 23, at(400), at(500)),
                ],
            )
            add_trims(connection, [Trim("rows", 1_009, 7, at(501), at(600))])
    return db


CUT = (
    f"the arguments of 100 execs were cut from {local_time(at(200))} to {local_time(at(300))} "
    "because they filled the file: 97 % of uid 1009, 3 % of uid 1013"
)
REMOVED = (
    f"30 execs were removed from {local_time(at(400))} to {local_time(at(600))} because they "
    "filled the file: 100 % of uid 1009"
)


def test_query_names_them(run: Run, trimmed: Path) -> None:
    answer = run("query", "--limit", "0", "--strict")
    assert f"note: {CUT}\nnote: {REMOVED}\n" in answer.err
    assert answer.code == INCOMPLETE
    assert "note: 100 % of the rows are of uid 0\n" in answer.err
    assert f"note: {CUT}\n" in run("query", "--count").err


def test_query_names_them_only_where_it_matters(run: Run, trimmed: Path) -> None:
    until = str(local_time(at(350)))
    answer = run("query", "--until", until, "--strict")
    assert CUT in answer.err
    assert REMOVED not in answer.err
    assert answer.code == 0  # all events are there, and say that they were cut
    assert run("query", "--limit", "7", "--strict").err == ""


def test_each_that_was_removed_is_counted_once(run: Run, trimmed: Path) -> None:
    with open_database(trimmed) as database, database.writing() as connection:
        connection.execute("UPDATE run SET pruned = 41")  # 11 of them because of their age
        connection.execute("DELETE FROM image WHERE id = 1")
        sql = "UPDATE segment SET first_id = 2, first_boot_ns = first_boot_ns + ?"
        connection.execute(sql, (MS,))
    assert "note: 41 execs in 2 periods" in run("query", "--limit", "0").err


def test_two_removals_of_as_many_are_both_counted(run: Run, db: Path) -> None:
    with open_database(db) as database:
        a_run(database, 0, 1_000)
        with database.writing() as connection:
            for number in (100, 900):
                add_trims(connection, [Trim("rows", number, 7, at(number), at(number + 7))])
            connection.execute("UPDATE run SET pruned = 14")
    assert "note: 14 execs in 2 periods" in run("query", "--limit", "0").err


def test_coverage_names_them(run: Run, trimmed: Path) -> None:
    assert run("coverage").out.splitlines()[-2:] == [CUT, REMOVED]
    found = json.loads(run("coverage", "--format", "json").out)
    pruned = [each for each in found if each["kind"] == "pruned"]
    assert [(each["from_ns"], each["to_ns"]) for each in pruned] == [(at(400), at(600) + 1)]
    assert [trim["events"] for trim in pruned[0]["trimmed"]] == [30]
    assert run("coverage", "--strict").code == INCOMPLETE


def test_status_names_them(run: Run, trimmed: Path) -> None:
    lines = run("status").out.splitlines()
    assert f"trimmed    {CUT}" in lines
    assert f"trimmed    {REMOVED}" in lines
    assert "users      about 100 % of the rows are of uid 0" in lines
    found = json.loads(run("status", "--format", "json").out)
    assert [(trim["what"], trim["uid"], trim["events"]) for trim in found["trimmed"]] == [
        ("arguments", 1_009, 97),
        ("arguments", 1_013, 3),
        ("rows", 1_009, 30),
    ]
    assert found["users"] == [{"uid": 0, "share": 1.0}]
