"""Rows that contradict each other, and files that are cut short."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from execdb.cli.drawing.tree_text import CIRCLE
from execdb.store.file.database import open_database
from execdb.store.writing.recording import Recording
from tests.cli.conftest import Execdb, Run
from tests.cli.hostile.forged import CONFIG, MORE, READING, assert_answers, forge
from tests.conftest import MACHINE, START_NS, an_exec, counts


def test_parents_that_go_round_in_a_circle(own_database: Path, sound: bytes, run: Run) -> None:
    own_database.write_bytes(sound)
    assert forge(own_database, "image", "parent_id", 2)
    assert_answers(run, (*READING, *MORE), "a circle")
    for options in (("--id", "1"), ("--id", "2"), ()):
        drawn = run("tree", *options).out.splitlines()
        (begin,) = (number for number, line in enumerate(drawn) if CIRCLE in line)
        assert "[id 1]" in drawn[begin]
        assert "[id 2]" in drawn[begin + 1]


def test_a_row_that_is_its_own_parent(own_database: Path, sound: bytes, run: Run) -> None:
    own_database.write_bytes(sound)
    assert forge(own_database, "image", "parent_id", 1)
    assert_answers(run, (*READING, *MORE), "itself")
    drawn = run("tree", "--id", "1").out.splitlines()
    assert "[id 1]" in drawn[0]
    assert CIRCLE in drawn[0]
    assert "[id 2]" in drawn[1]


@pytest.mark.parametrize("kept", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_file_that_is_cut_short(own_database: Path, sound: bytes, run: Run, kept: float) -> None:
    own_database.write_bytes(sound[: int(len(sound) * kept)])
    assert_answers(run, (*READING, *MORE, *CONFIG), kept)


ENDLESS = {  # what a segment claims, and who would go through all of it
    "rows": ("prune --older-than 0s", """
        UPDATE segment SET last_id = 1 << 62 WHERE first_id < 0;
        UPDATE run SET ended = 'clean'"""),
    "blocks": ("query --uid 0", """
        UPDATE segment SET last_id = 1 << 32 WHERE first_id > 0;
        WITH RECURSIVE every(n) AS (SELECT 6000 UNION ALL SELECT n + 1 FROM every WHERE n < 131071)
        INSERT INTO origin_block SELECT id, n FROM every, origin"""),
}  # fmt: skip


@pytest.mark.parametrize("what", ENDLESS)
def test_a_segment_that_claims_to_be_endless(db: Path, execdb: Execdb, what: str) -> None:
    command, sql = ENDLESS[what]
    with open_database(db) as database:
        recording = Recording(database, MACHINE, "0", START_NS)
        recording.know([an_exec(0, pid=1)])
        recording.write([an_exec(n) for n in range(1, 4)], [], counts(3))
    with closing(sqlite3.connect(db)) as connection, connection:
        connection.executescript(sql)
    assert execdb(*command.split(), timeout=30).returncode in (0, 1)
