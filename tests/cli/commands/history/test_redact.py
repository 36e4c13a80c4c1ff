"""--redact: secrets in arguments are hidden in every format, and only if it is given."""

from pathlib import Path

import pytest

from execdb.store.file.database import open_database
from tests.cli.conftest import Run
from tests.conftest import an_exec, recorded

FORMATS = ["table", "line", "json", "ndjson", "csv"]


@pytest.fixture
def secret(db: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "200")  # of a table
    argv = ("mytool", "--password", "hunter2", "https://bob:hunter2@host/x")
    with open_database(db) as database:
        recorded(database, [an_exec(), an_exec(1, argv=argv)])
    return db


@pytest.mark.parametrize(
    "command",
    [
        *(["query", "--format", format] for format in FORMATS),
        *(["replay", "--speed", "0", "--format", format] for format in ("line", "ndjson")),
        ["replay", "--speed", "1000"],
        ["tree"],
        ["tree", "1001"],
    ],
    ids=" ".join,
)
def test_secrets_are_hidden_if_that_is_wanted(run: Run, secret: Path, command: list[str]) -> None:
    plain, redacted = run(*command).out, run(*command, "--redact").out
    assert "hunter2" in plain
    assert "hunter2" not in redacted
    assert "[redacted]" in redacted
    assert "bob" in redacted


def test_terms_choose_by_what_was_recorded(run: Run, secret: Path) -> None:
    assert run("query", "argv=*hunter2*", "--redact", "--count").out == "1\n"
