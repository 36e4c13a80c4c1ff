"""Arguments that are not what a collector writes."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.hostile.forged import (
    MORE,
    READING,
    assert_answers,
    forge,
)
from tests.running.thorough import first

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


@pytest.mark.parametrize("where", [("argument", "text"), ("command", "arguments")])
@pytest.mark.parametrize("kind", first(3, ARGV))
def test_json_that_should_not_be_there(
    own_database: Path, sound: bytes, run: Run, kind: str, where: tuple[str, str]
) -> None:
    own_database.write_bytes(sound)
    assert forge(own_database, *where, ARGV[kind])
    assert_answers(run, (*READING, *MORE), kind)


def test_more_arguments_than_memory(own_database: Path, sound: bytes, run: Run) -> None:
    """One argument may be referred to as often as it is told."""
    own_database.write_bytes(sound)
    assert forge(own_database, "argument", "text", json.dumps("x" * 1_000_000))
    number = "(SELECT min(id) FROM argument)"
    assert forge(own_database, "command", "arguments", 17, f"'[' || {number} || replace("
                 f"hex(zeroblob(?)), '00', ',' || {number}) || ']'")  # fmt: skip
    assert_answers(run, (*READING, *MORE), "many arguments")
    assert "more arguments than" in run("query").err
