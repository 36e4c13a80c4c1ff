"""config limit: what is saved, shown and refused."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run, refused


def test_limits_are_saved_and_shown(run: Run, db: Path) -> None:
    assert run("config", "limit").out == "default: execs none, bytes 2.0 MB a second\n"
    assert run("config", "limit", "default", "--execs", 500).out == (
        "default: execs 500, bytes 2.0 MB a second (saved; takes effect at the next collect)\n"
    )
    assert "uid 33: execs 50, bytes default" in run("config", "limit", 33, "--execs", 50).out
    assert "uid 33: execs 50, bytes none" in run("config", "limit", 33, "--bytes", "none").out
    run("config", "limit", "root", "--bytes", "100kB")
    assert run("config", "limit").out.splitlines() == [
        "default: execs 500, bytes 2.0 MB a second",
        "uid 0: execs default, bytes 100.0 kB a second",
        "uid 33: execs 50, bytes none a second",
    ]
    assert run("config", "limit", 33).out == "uid 33: execs 50, bytes none a second\n"
    assert "the default holds" in run("config", "limit", 34).out
    assert json.loads(run("config", "limit", "--format", "json").out)["limits"] == [
        {"uid": "default", "execs": 500, "bytes": 2_000_000},
        {"uid": 0, "execs": "default", "bytes": 100_000},
        {"uid": 33, "execs": 50, "bytes": "none"},
    ]
    run("config", "limit", 33, "--execs", "default", "--bytes", "default")
    assert "uid 33" not in run("config", "limit").out


BAD = [
    ("default", "--execs", "0"), ("default", "--execs", "x"), ("default", "--execs", "1000001"),
    ("default", "--bytes", "999"), ("default", "--bytes", "2GB"), ("-1", "--execs", "5"),
    ("4294967295", "--execs", "5"), ("no-such-user", "--execs", "5"),
]  # fmt: skip


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_what_cannot_be_a_limit_changes_nothing(
    run: Run, own_database: Path, arguments: tuple[str, ...]
) -> None:
    assert run("config", "limit", *arguments).code == 2
    assert not own_database.exists()


def test_whose_limit_must_be_said(run: Run, db: Path) -> None:
    refused(run("config", "limit", "--execs", "5"), 2, "whose limit?")
