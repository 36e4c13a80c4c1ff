"""Databases that hold what no collector wrote: each command gives a sane answer, or one line."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from execdb.cli.commands.tree import CIRCLE
from execdb.store.event import Place
from execdb.store.fields import to_dict
from execdb.store.file.database import open_database
from execdb.store.writing.recording import Recording
from tests.conftest import (
    MACHINE,
    START_NS,
    Answer,
    an_event,
    an_exec,
    counts,
    recorded,
    some_creds,
)

Run = Callable[..., Answer]

READING = (
    ("query", "--format", "table"),
    ("query", "--format", "ndjson"),
    ("tree", "--id", "2"),
    ("status",),
    ("coverage",),
    ("query", "--count", "--strict"),
)
PRUNING = (("prune", "--older-than", "0s"),)
CONFIG = (("config", "list"), ("config", "get", "0"), ("status", "--format", "json"))
MORE = (
    ("query", "--format", "line"),
    ("query", "--format", "plain", "--reverse", "--limit", "2"),
    ("query", "--format", "json", "--arg", "x"),
    ("query", "--format", "csv", "--comm", "t*", "--uid", "0"),
    ("query", "--count", "--since", "2020-01-01T00:00:00Z"),
    ("query", "--descendants-of", "1"),
    ("replay", "--speed", "0"),
    ("tree",),
    ("status", "--format", "json"),
    ("coverage", "--format", "json", "--since", "1d"),
)
VALUES: dict[str, tuple[str, object]] = {
    "nothing": ("?", None),
    "text": ("?", "\x1b[2J\x1b]0;title\x07\x9b31m\0"),
    "bytes": ("?", b"\xff\xfe\x00\x1b[31m"),
    "text that is not UTF-8": ("CAST(? AS TEXT)", b"\xff\xfe\x80"),
    "a negative number": ("?", -23),
    "the greatest number": ("?", 2**63 - 1),
    "the least number": ("?", -(2**63)),
    "nearly the greatest number": ("?", 2**63 - 2),
    "digits and a letter": ("?", "12a"),
    "a digit behind a space that is none": ("?", "\u00a012"),
    "a fraction": ("?", 2.5),
    "infinity": ("?", float("inf")),
}
ARGV = {
    "text": '"\\u001b[2J"',
    "a long text": json.dumps(["x" * 3_000_017]),
    "too long a text": json.dumps(["x" * 17_000_023]),
    "a number too large": "[1e400]",
    "an object": '{"a": 1}',
    "numbers": "[1, 2]",
    "deep": "[" * 100_003,
    "half a surrogate": '["\\ud800"]',
    "a NUL": '["a\\u0000b"]',
    "a command to a terminal": '["\\u001b[2J"]',
}


@pytest.fixture(scope="module")
def sound(template: Path) -> bytes:
    """A database with something in each of its tables."""
    path = template.with_name("sound.db")
    path.write_bytes(template.read_bytes())
    with open_database(path) as database:
        parent = an_exec(argv=("x", "y"))
        child = an_exec(
            1,
            creds=some_creds(0, "hi", loginuid=501, tty="pts/3"),
            place=Place("/home", "/user"),
            parent=(parent.boot_ns, parent.pid),
            argv=("x" * 97,),
        )
        recorded(database, [parent, child, an_exec(2, errno="ENOENT", caller="sh")])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO config VALUES (0, 'Hey root!')")
    return path.read_bytes()


def columns(path: Path) -> Iterator[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'alembic%'"
        ).fetchall()
        for (table,) in tables:
            for column in connection.execute(f"PRAGMA table_info({table})"):
                yield table, column[1]


def forge(path: Path, table: str, column: str, value: object, how: str = "?") -> bool:
    """Puts a value into the first row, nothing into all of them; whether SQLite lets it be there
    while it is told that the columns may be null."""
    with closing(sqlite3.connect(path)) as connection, connection:
        (sql,) = connection.execute(
            "SELECT sql FROM sqlite_schema WHERE name = ?", (table,)
        ).fetchone()
        first = f"WHERE rowid = (SELECT min(rowid) FROM {table})"
        if value is None or "WITHOUT ROWID" in sql:
            first = ""
        rewrite_schema(connection, table, sql.replace(" NOT NULL", ""))
        try:
            connection.execute(f"UPDATE {table} SET {column} = {how} {first}", (value,))
        except (sqlite3.IntegrityError, sqlite3.OperationalError):
            return False
        rewrite_schema(connection, table, sql)
    return True


def rewrite_schema(connection: sqlite3.Connection, table: str, sql: str) -> None:
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (sql, table))
    connection.commit()
    connection.execute("PRAGMA writable_schema = RESET")


def assert_answers(run: Run, commands: Iterable[tuple[str, ...]], what: object) -> None:
    for command in commands:
        code, out, err = run(*command)
        assert code in ((0, 1, 3) if "--strict" in command else (0, 1)), (what, command)
        assert len(err) < 1_000, (what, command, err[:1_000])
        if code == 1:
            *report, last = err.splitlines()
            assert last.startswith("execdb: "), (what, command, err)
            assert not report or command[0] == "replay", (what, command, err)
        assert "\x1b" not in out + err, (what, command)


@pytest.mark.parametrize("kind", list(VALUES))
def test_a_value_that_should_not_be_there(
    own_database: Path, sound: bytes, run: Run, kind: str
) -> None:
    how, value = VALUES[kind]
    own_database.write_bytes(sound)
    for table, column in list(columns(own_database)):
        own_database.write_bytes(sound)
        if forge(own_database, table, column, value, how):
            commands = CONFIG if table.startswith("config") else READING
            assert_answers(run, commands, (table, column))


@pytest.mark.parametrize("kind", ["text", "a fraction"])
@pytest.mark.parametrize("column", ["uid", "message", "tty"])
def test_no_form_of_output_takes_it_for_what_it_is_not(
    own_database: Path, sound: bytes, run: Run, kind: str, column: str
) -> None:
    own_database.write_bytes(sound)
    assert forge(own_database, "origin", column, VALUES[kind][1])
    assert_answers(run, MORE, column)


@pytest.mark.parametrize("where", [("argument", "text"), ("command", "arguments")])
@pytest.mark.parametrize("kind", list(ARGV))
def test_json_that_should_not_be_there(
    own_database: Path, sound: bytes, run: Run, kind: str, where: tuple[str, str]
) -> None:
    own_database.write_bytes(sound)
    assert forge(own_database, *where, ARGV[kind])
    assert_answers(run, (*READING, *MORE), kind)


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


@pytest.mark.parametrize("kind", list(VALUES))
def test_import_into_it(
    own_database: Path, sound: bytes, run: Run, kind: str, tmp_path: Path
) -> None:
    """All or nothing, whatever stands there already."""
    lines = tmp_path / "lines"
    lines.write_text("".join(json.dumps(to_dict(an_event(n))) + "\n" for n in range(7)))
    how, value = VALUES[kind]
    own_database.write_bytes(sound)
    for table, column in list(columns(own_database)):
        own_database.write_bytes(sound)
        if forge(own_database, table, column, value, how):
            assert_answers(run, [("import", str(lines))], (table, column))


@pytest.mark.parametrize("kind", list(VALUES))
def test_pruning_it(own_database: Path, sound: bytes, run: Run, kind: str) -> None:
    how, value = VALUES[kind]
    own_database.write_bytes(sound)
    for table, column in list(columns(own_database)):
        own_database.write_bytes(sound)
        if forge(own_database, table, column, value, how):
            assert_answers(run, PRUNING, (table, column))


def test_more_arguments_than_memory(own_database: Path, sound: bytes, run: Run) -> None:
    """One argument may be referred to as often as it is told."""
    own_database.write_bytes(sound)
    assert forge(own_database, "argument", "text", json.dumps("x" * 1_000_000))
    number = "(SELECT min(id) FROM argument)"
    assert forge(own_database, "command", "arguments", 17, f"'[' || {number} || replace("
                 f"hex(zeroblob(?)), '00', ',' || {number}) || ']'")  # fmt: skip
    assert_answers(run, (*READING, *MORE), "many arguments")
    assert "more arguments than" in run("query").err


ENDLESS = {  # what a segment claims, and who would go through all of it
    "rows": ("prune --older-than 0s", """
        UPDATE segment SET last_id = 1 << 62 WHERE first_id < 0;
        UPDATE run SET ended = 'clean'"""),
    "blocks": ("query --uid 0", """
        UPDATE segment SET last_id = 1 << 32, known_entry_ids =
        '[' || replace(hex(zeroblob(2000000)), '0', '0,') || '0]' WHERE first_id > 0;
        WITH RECURSIVE chunk(n) AS (SELECT 6000 UNION ALL SELECT n + 1 FROM chunk WHERE n < 131071)
        INSERT INTO entry_block SELECT n, id, 0x55555555 FROM chunk, origin"""),
}  # fmt: skip


@pytest.mark.parametrize("what", ENDLESS)
def test_a_segment_that_claims_to_be_endless(
    db: Path, execdb: Callable[..., CompletedProcess[str]], what: str
) -> None:
    command, sql = ENDLESS[what]
    with open_database(db) as database:
        recording = Recording(database, MACHINE, "0", START_NS)
        recording.know([an_exec(0, pid=1)])
        recording.write([an_exec(n) for n in range(1, 4)], [], counts(3))
    with closing(sqlite3.connect(db)) as connection, connection:
        connection.executescript(sql)
    assert execdb(*command.split(), timeout=30).returncode in (0, 1)
