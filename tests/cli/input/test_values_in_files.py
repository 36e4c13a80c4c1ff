"""Defaults in a file that only the command can judge: what is wrong with one names file and key."""

from pathlib import Path

import pytest

from tests.cli.conftest import Run, refused


@pytest.mark.parametrize(
    ("key", "value", "arguments", "said"),
    [
        ("timeline.every", "5 parsecs", (), "is not a length of time"),
        ("timeline.by", "comm,uid", (), "by one field"),
        ("ship.settle", "5 parsecs", ("--to", "postgresql:///x"), "from 0s to 10m"),
        ("ship.to", "web1", (), "URL of a central store"),
        ("coverage.until", "mark:none", (), "there is no mark 'none'"),
        ("query.since", "mark:none", (), "there is no mark 'none'"),
        ("query.since", "1d", ("--until", "2d"), "is later than --until"),
        ("query.uid", "nobody-of-that-name", (), "there is no user"),
        ("query.columns", "id,com", (), "did you mean comm?"),
        ("query.sort", "com", (), "did you mean comm?"),
        ("stats.by", "com", (), "did you mean comm?"),
        ("new.by", "com", (), "did you mean comm?"),
        ("compare.ignore", "agv", (1, 2), "did you mean argv?"),
        ("collect.max-size", "1MB", (), "must be at least"),
        ("web.host", "no such host", (), "is no address of this machine"),
    ],
)
def test_a_value_that_only_the_command_can_judge_names_file_and_key(
    run: Run,
    filled: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    value: str,
    arguments: tuple[object, ...],
    said: str,
) -> None:
    table, option = key.split(".")
    path = tmp_path / "own.toml"
    path.write_text(f"[{table}]\n{option} = '{value}'\n")
    monkeypatch.setenv("EXECDB_OPTIONS", str(path))
    answer = run(table, *arguments)
    refused(answer, answer.code, said)
    assert answer.err.startswith(f"execdb: {path}: [{table}] {option}: ")


def test_a_value_of_the_command_line_names_no_file(
    run: Run, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.toml"
    path.write_text("[stats]\nby = 'com'\n")
    monkeypatch.setenv("EXECDB_OPTIONS", str(path))
    refused(run("stats", "--by", "uidd"), 2, "execdb: there is no field 'uidd'")
