"""--db, before and after the name of a command."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.conftest import Run, refused


@pytest.fixture
def other(run: Run, tmp_path: Path) -> Path:
    """Another database than the one of EXECDB_DB, with a message by which to know it."""
    path = tmp_path / "other.db"
    run("--db", path, "config", "set", 0, "other")
    return path


@pytest.mark.parametrize(
    "command",
    [
        ("--db", "OTHER", "config", "get", "0"),
        ("config", "--db", "OTHER", "get", "0"),
        ("config", "get", "--db", "OTHER", "0"),
        ("config", "get", "0", "--db", "OTHER"),
        ("config", "get", "0", "--db=OTHER"),
        ("--db", "/nowhere/a.db", "config", "--db", "/nowhere/b.db", "get", "0", "--db", "OTHER"),
    ],
    ids=" ".join,
)
def test_it_may_stand_anywhere_and_the_last_one_counts(
    run: Run, db: Path, other: Path, command: Sequence[str]
) -> None:
    answer = run(*(word.replace("OTHER", str(other)) for word in command))
    assert (answer.code, answer.out) == (0, "other\n")


def test_without_it_the_environment_names_the_database(run: Run, db: Path, other: Path) -> None:
    refused(run("config", "get", 0), 1, "uid 0")


def test_it_is_no_option_where_it_is_a_value(run: Run, db: Path, other: Path) -> None:
    """After --, and as the value of another option."""
    assert run("config", "set", 0, "--", "--db").code == 0
    assert run("config", "get", 0).out == "--db\n"
    assert run("query", "--comm", "--db", "--count").out == "0\n"
    assert run("query", "--arg=--db", "--count").out == "0\n"


@pytest.mark.parametrize(
    "command",
    [
        ("query", "--db", ""),
        ("config", "list", "--db", ""),
        ("query", "--db", "/"),
        ("--db", "", "query"),
    ],
)
def test_a_path_without_a_name_is_refused(run: Run, db: Path, command: Sequence[str]) -> None:
    refused(run(*command), 2, "--db", "not the path of a file")


@pytest.mark.parametrize("command", [("query", "--db"), ("config", "list", "--db")])
def test_a_missing_path_is_refused(run: Run, db: Path, command: Sequence[str]) -> None:
    refused(run(*command), 2, "--db")
