"""--redact: secrets in arguments are hidden in every format, and only if it is given."""

import json
from pathlib import Path

import pytest

from execdb.store.file.database import open_database
from execdb.store.times import rfc3339
from tests.cli.conftest import Run
from tests.conftest import START_NS, an_exec, recorded

SINCE = rfc3339(START_NS)
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
        *(
            [*command, "--by", by, "--format", format]
            for command in (["stats"], ["new", "--since", SINCE])
            for by in ("argv", "command")
            for format in ("table", "json", "csv")
        ),
        *(["timeline", "--by", "argv", "--format", format] for format in ("json", "csv")),
    ],
    ids=" ".join,
)
def test_secrets_are_hidden_if_that_is_wanted(run: Run, secret: Path, command: list[str]) -> None:
    plain, redacted = run(*command).out, run(*command, "--redact").out
    assert "hunter2" in plain
    assert "hunter2" not in redacted
    assert "[redacted]" in redacted
    assert "bob" in redacted


def test_groups_that_are_equal_without_their_secrets_are_one(run: Run, db: Path) -> None:
    execs = [an_exec(n, argv=("mytool", "--password", f"hunter{n}")) for n in range(7)]
    with open_database(db) as database:
        recorded(database, execs)
    (group,) = json.loads(run("stats", "--by", "argv", "--redact", "--format", "json").out)
    assert (group["runs"], group["argv"]) == (7, ["mytool", "--password", "[redacted]"])
    assert (group["first_ns"], group["last_ns"]) == (execs[0].time_ns, execs[6].time_ns)
    interval, *_ = json.loads(
        run("timeline", "--every", "1h", "--by", "command", "--redact", "--format", "json").out
    )
    shown = "mytool --password '[redacted]'"
    assert interval["by"] == [{"command": shown, "execs": 7, "failed": 0}]


def test_a_line_too_long_to_split_is_redacted_as_text(run: Run, db: Path) -> None:
    """The time to split a word grows with the square of its length."""
    with open_database(db) as database:
        argv = ("curl", "--password=hunter2", "\\" * 100_003)
        recorded(database, [an_exec(argv=argv)])
    (group,) = json.loads(run("stats", "--by", "command", "--redact", "--format", "json").out)
    assert group["command"].startswith("curl --password=[redacted] ")
    assert "hunter2" not in group["command"]


def test_terms_choose_by_what_was_recorded(run: Run, secret: Path) -> None:
    assert run("query", "argv=*hunter2*", "--redact", "--count").out == "1\n"
