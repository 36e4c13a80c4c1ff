"""Forges values in a database, and checks that commands survive it."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from tests.cli.conftest import Run

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
    ("timeline", "--by", "filename"),
    ("new", "--since", "2025-10-09T08:53:20.001Z"),
    ("new", "--since", "2020-01-01", "--by", "comm,cwd,argv", "--format", "json"),
    ("timeline", "--format", "json", "--utc"),
    ("export", "forged.sqlite", "--force"),
    ("status", "--format", "json"),
    ("coverage", "--format", "json", "--since", "1d"),
)
VALUES: dict[str, tuple[str, object]] = {
    "text": ("?", "\x1b[2J\x1b]0;title\x07\x9b31m\0"),
    "nothing": ("?", None),
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
        connection.execute("PRAGMA synchronous = OFF")
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
