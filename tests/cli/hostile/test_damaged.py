"""Files of which pages were overwritten: one line, and exit code 1."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Run

_TABLES = ("run", "segment", "image", "config_change", "config_state", "mark")
_PAGE_SIZE_AT = slice(16, 18)  # in the header of a file
READING = (
    "query",
    "query --count",
    "query --format table",
    "query --format json",
    "query --format ndjson",
    "query --format csv",
    "query --sort duration",
    "query comm=true --descendants-of 1",
    "replay --speed 0",
    "replay --speed 0 --format ndjson",
    "replay --live --dry-run",
    "tree",
    "tree --id 1",
    "stats",
    "timeline",
    "new --since 1d",
    "coverage",
    "status",
    "export damaged.ndjson",
    "export damaged.csv",
    "export damaged.folded",
    "export damaged.sqlite",
    "export damaged.pftrace",
    "config list",
    "config log",
    "config export",
    "config try uid=0",
)


@pytest.fixture
def damaged(own_database: Path, sound: bytes) -> Path:
    """The roots of tables are overwritten; the header and the schema are as they were."""
    own_database.write_bytes(sound)
    with closing(sqlite3.connect(own_database)) as connection:
        roots = [
            connection.execute(
                "SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)
            ).fetchone()[0]
            for table in _TABLES
        ]
    raw = bytearray(sound)
    size = int.from_bytes(raw[_PAGE_SIZE_AT])
    for root in roots:
        raw[(root - 1) * size : root * size] = b"\xa5" * size
    own_database.write_bytes(raw)
    return own_database


@pytest.mark.parametrize("command", [*map(str.split, READING), ["sql", "SELECT * FROM execs"]])
def test_every_command_that_reads_says_so_in_a_line(
    damaged: Path, run: Run, command: list[str]
) -> None:
    code, out, err = run(*command)
    *before, last = err.splitlines()
    assert code == 1, (out, err)
    assert last.startswith("execdb: ")
    assert "damaged" in last
    assert not before or command[0] == "replay", err  # which says first how much it replayed
    assert out == ""
    assert [each.name for each in Path().iterdir() if each.name.startswith("damaged")] == []
