"""sql: reads in every format, and nothing but reads."""

import csv
import io
import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from execdb.store.file.database import open_database
from execdb.store.reading.plain_sql import VIEWS
from tests.cli.conftest import Run, refused
from tests.conftest import EXECDB, an_exec, recorded
from tests.processes.cpu import cpu_s
from tests.processes.process import Process

NUMBERS = "WITH n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT {}) SELECT {} FROM n"


def test_sql_answers_in_every_format(run: Run, filled: Path) -> None:
    sql = "SELECT pid, comm, 'x=' AS 'where', 0.5 AS half FROM execs WHERE pid < 1002"
    assert run("sql", sql).out == "1000\ttrue\tx=\t0.5\n1001\ttrue\tx=\t0.5\n"
    lines = run("sql", "SELECT pid, 'a b', NULL, '' FROM execs LIMIT 1", "--format", "line").out
    assert lines == "1000 'a b' '' ''\n"
    expected = [{"pid": pid, "comm": "true", "where": "x=", "half": 0.5} for pid in (1000, 1001)]
    assert json.loads(run("sql", sql, "--format", "json").out) == expected
    lines = run("sql", sql, "--format", "ndjson").out.splitlines()
    assert [json.loads(line) for line in lines] == expected
    rows = [*csv.reader(io.StringIO(run("sql", sql, "--format", "csv").out))]
    assert rows == [["pid", "comm", "where", "half"], ["1000", "true", "x=", "0.5"],
                    ["1001", "true", "x=", "0.5"]]  # fmt: skip
    table = run("sql", sql, "--format", "table").out.splitlines()
    assert [line.split() for line in table] == rows


def test_an_answer_without_rows_is_empty(run: Run, filled: Path) -> None:
    sql = "SELECT pid FROM execs WHERE 0"
    assert run("sql", sql) == (0, "", "")
    assert json.loads(run("sql", sql, "--format", "json").out) == []
    assert run("sql", sql, "--format", "table").out == "pid\n"


def test_secrets_are_hidden_whatever_the_column_is_called(
    run: Run, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.toml").write_text("[redact]\npatterns = ['badge-[0-9]+']\n")
    monkeypatch.setenv("EXECDB_OPTIONS", str(tmp_path / "own.toml"))
    argv = ("curl", "-u", "bob:hunter2", "--password", "hunter2", "badge-23")
    with open_database(db) as database:
        recorded(database, [an_exec(argv=argv)])
    sql = "SELECT argv, shell_quote(argv) AS line, 'x ' || argv AS mixed, pid FROM execs"
    for format in ("plain", "csv", "ndjson", "json", "table"):
        out = run("sql", sql, "--redact", "--format", format, "--wide").out
        assert "1000" in out
        assert out.count("[redacted]") >= 6
        assert "hunter2" not in out
        assert "badge-23" not in out
    (row,) = json.loads(run("sql", sql, "--redact", "--format", "json").out)
    shown = ["curl", "-u", "bob:[redacted]", "--password", "[redacted]", "[redacted]"]
    assert json.loads(row["argv"]) == shown
    assert run("sql", sql).out.count("hunter2") == 6


def test_functions_for_text(run: Run, db: Path) -> None:
    with open_database(db) as database:
        argvs = [("sh", "-c", "a b"), ("\udcff", "x"), ("[1]",)]
        recorded(database, [an_exec(n, argv=argv) for n, argv in enumerate(argvs)])
    found = run("sql", "SELECT shell_quote(argv), shell_quote('a b'), shell_quote(NULL) FROM execs")
    assert [line.split("\t") for line in found.out.splitlines()] == [
        ["sh -c 'a b'", "'a b'", ""], ["'\\xff' x", "'a b'", ""], ["'[1]'", "'a b'", ""],
    ]  # fmt: skip
    asked = "SELECT count(*) FROM execs WHERE argv REGEXP 'a|1'"
    assert run("sql", asked).out == "2\n"
    assert run("sql", "SELECT regexp('^a', 'ab'), 'ab' REGEXP 'b$', NULL REGEXP 'x'").out == (
        "1\t1\t\n"
    )


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM image",
        "UPDATE image SET pid = 1 RETURNING pid",
        "INSERT INTO config VALUES (7, 'x')",
        "DROP TABLE image",
        "CREATE TEMP TABLE t (x)",
        "CREATE TEMP VIEW v AS SELECT 1",
        "ATTACH '/tmp/execdb-attached.db' AS other",
        "DETACH main",
        "VACUUM INTO '/tmp/execdb-copy.db'",
        "PRAGMA user_version = 7",
        "PRAGMA query_only = OFF",
        "PRAGMA writable_schema = ON",
        "PRAGMA wal_checkpoint",
        "SELECT * FROM pragma_wal_checkpoint",
        "REINDEX",
        "ANALYZE",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT x",
        "SELECT load_extension('x')",
        "SELECT fts3_tokenizer('simple')",
        "CREATE VIRTUAL TABLE temp.t USING fts5(x)",
    ],
)
def test_what_does_more_than_read_is_refused(run: Run, filled: Path, sql: str) -> None:
    before = run("query", "--format", "ndjson").out
    refused(run("sql", sql), 2)
    assert run("query", "--format", "ndjson").out == before
    assert not Path("/tmp/execdb-attached.db").exists()
    assert not Path("/tmp/execdb-copy.db").exists()


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELEKT 1", ["syntax error"]),
        ("SELECT pod FROM execs", ["no such column: pod"]),
        ("SELECT pod FROM exec", ["no such table: exec: did you mean execs?"]),
        ("SELECT pod FROM t", ["no such table: t: the views are execs, seen,"]),
        ("SELECT 1; SELECT 2", ["one statement"]),
        ("SELECT ?", ["SQL"]),
        ("", ["give a SELECT"]),
        ("/* nothing */", ["give a SELECT"]),
        ("SELECT 'a' REGEXP '('", ["regular expression", "missing )"]),
        ("SELECT json_extract('[', '$')", ["malformed JSON"]),
        ("SELECT '\udcff'", ["UTF-8"]),
    ],
)
def test_a_mistake_is_one_line(run: Run, filled: Path, sql: str, words: list[str]) -> None:
    refused(run("sql", sql), 2, *words)


def test_the_views_that_are_named_are_all_there_are(run: Run, db: Path) -> None:
    with open_database(db, create=True) as database, database.reading() as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall()
    assert {name for (name,) in rows} == {*VIEWS}
    help_text = " ".join(run("sql", "--help").out.split())
    assert f"The views are {', '.join(VIEWS[:-1])} and {VIEWS[-1]}." in help_text


def test_what_json_cannot_hold(run: Run, filled: Path) -> None:
    refused(run("sql", "SELECT 1 AS a, 2 AS a", "--format", "ndjson"), 2, "'a'", "AS")
    assert run("sql", "SELECT 9e999 AS a", "--format", "ndjson").out == '{"a": null}\n'


def test_nothing_in_an_answer_acts_on_the_terminal(run: Run, filled: Path) -> None:
    sql = "SELECT char(27, 10, 13, 8238) AS 'a\x1b', x'9b31ff' AS b, '=1+1' AS c"
    for name in ("table", "plain", "csv", "json", "ndjson"):
        answer = run("sql", sql, "--format", name)
        assert answer.code == 0
        assert all(char.isprintable() or char in "\t\r\n" for char in answer.out)
    assert "'=1+1" in run("sql", sql, "--format", "csv").out


def test_schema_and_plans_may_be_looked_at(run: Run, filled: Path) -> None:
    assert "execs" in run("sql", "SELECT name FROM sqlite_schema WHERE type = 'view'").out
    assert "pid" in run("sql", "PRAGMA table_info(execs)").out
    assert "image" in run("sql", "EXPLAIN QUERY PLAN SELECT * FROM image").out
    assert run("sql", "SELECT value FROM json_each('[5, 7]')").out == "5\n7\n"
    assert "pid" in run("sql", "SELECT name FROM pragma_table_info('execs')").out


def test_rows_are_shown_while_others_are_computed(filled: Path) -> None:
    """An answer without end; the reader closes the pipe."""
    sql = "WITH n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
    command = [str(EXECDB), "--db", str(filled), "sql", sql]
    with Process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert [process.stdout.readline() for _ in range(1_009)][-1] == b"1009\n"
        process.stdout.close()
        assert process.wait(60) in (0, -signal.SIGPIPE)


@pytest.mark.parametrize("what", ["max(x)", "max('aaaaaaaaaaaaaaaaaaaaaaaaaaaaa' REGEXP '(a+)+b')"])
def test_ctrl_c_ends_a_long_question(filled: Path, what: str) -> None:
    sql = NUMBERS.format(10**12, what)
    command = [str(EXECDB), "--db", str(filled), "sql", sql]
    with Process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while cpu_s(process.pid) < 1.5:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr
        assert process.stderr.read() == b""
