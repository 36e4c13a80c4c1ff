"""execdb mark, and what shows marks."""

import json
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.file.database import open_database
from execdb.store.writing import marks
from execdb.store.writing.marks import Mark, add_mark
from tests.conftest import START_NS, Answer, an_exec, recorded

Run = Callable[..., Answer]


def test_a_mark_is_kept_with_its_time_and_who_made_it(db: Path, run: Run) -> None:
    before_ns = time.time_ns()
    code, out, err = run("mark", "deploy of 2.1")
    assert (code, err) == (0, "")
    assert out.endswith(" deploy of 2.1\n")
    (found,) = json.loads(run("mark", "--format", "json").out)
    assert (found["text"], found["uid"]) == ("deploy of 2.1", os.getuid())
    assert before_ns <= found["time_ns"] <= time.time_ns()
    rows = json.loads(run("sql", "SELECT * FROM marks", "--format", "json").out)
    assert rows == [found | {"host": None}]  # nothing was recorded on any machine
    assert list(rows[0]) == ["time_ns", "time", "uid", "text", "host"]


@pytest.mark.parametrize("text", ["", " \n", "x" * 1_001, "é" * 501, "a\udcffb"])
def test_what_is_no_mark_changes_nothing(db: Path, run: Run, text: str) -> None:
    code, out, err = run("mark", text)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert run("mark").out == ""


def test_a_hostile_mark_is_escaped(db: Path, run: Run) -> None:
    run("mark", "a\n\x1b[2J\u202e[red]")
    assert run("mark").out.count("\n") == 1
    assert run("mark").out.removesuffix("\n").isprintable()
    with closing(sqlite3.connect(db)) as connection, connection:
        for value in (7, b"x", "x" * 100_003, None):
            connection.execute(
                "INSERT INTO mark (time_ns, uid, text) VALUES ('x', 'y', coalesce(?, 'z'))",
                (value,),
            )
    assert run("mark").code == 0


def test_the_oldest_marks_go(db: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "MARKS_MAX", 5)
    for number in range(7):
        run("mark", str(number))
    assert [line[-1] for line in run("mark").out.splitlines()] == ["2", "3", "4", "5", "6"]


def test_a_mark_is_a_time(db: Path, run: Run) -> None:
    with open_database(db) as database:
        recorded(database, [an_exec(number) for number in range(5)])
        for number, text in ((1, "deploy"), (2, "deploy"), (3, "done: ok")):
            add_mark(database, Mark(START_NS + number * 1_000_000, 0, text))
    chosen = run("query", "--since", "mark:deploy", "--until", "mark:done: ok", "--columns", "id")
    assert chosen.out.split() == ["id", "3"]
    span = ("--since", "mark:deploy", "--until", "mark:done: ok")
    covered = json.loads(run("coverage", *span, "--format", "json").out)
    ends = covered[0]["from_ns"], covered[-1]["to_ns"]
    assert ends == (START_NS + 2_000_000, START_NS + 3_000_000)
    code, out, err = run("query", "--since", "mark:deplyo")
    assert (code, out) == (1, "")
    assert "there is no mark 'deplyo': did you mean 'deploy'?" in err


def test_replay_shows_marks_in_their_place(db: Path, run: Run) -> None:
    with open_database(db) as database:
        recorded(database, [an_exec(number) for number in range(3)])
        add_mark(database, Mark(START_NS + 500_000, 0, "mid\x1bdle"))
        add_mark(database, Mark(START_NS - 1, 0, "too early"))
    for speed in ("0", "1000"):
        err = run("replay", "--speed", speed, "--since", f"@{START_NS // 10**9}").err
        assert "mark: mid\\x1bdle" in err
        assert "too early" not in err
