"""prune: what it says, what it removes, and what it refuses."""

import pytest

from execdb.cli.input.sizes import parse_size
from execdb.store.errors import UsageError
from execdb.store.file.database import Database
from execdb.store.terms.times import parse_age
from tests.cli.conftest import Run
from tests.conftest import an_exec, recorded

FOR_EVER = "20000d"  # the tests' events are of 2025


def test_it_removes_what_is_older(database: Database, run: Run) -> None:
    recorded(database, [an_exec(n) for n in range(23)])
    assert run("prune", "--older-than", FOR_EVER).out.startswith("removed 0 execs; ")
    said = run("prune", "--older-than", "1d", "--dry-run")
    assert (said.code, said.out.split(";")[0]) == (0, "would remove 23 execs")
    assert run("query", "--count").out == "23\n"
    said = run("prune", "--older-than", "1d")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("removed 23 execs; ")
    assert run("query", "--count").out == "0\n"


def test_it_says_what_a_size_would_cost(database: Database, run: Run) -> None:
    recorded(database, [an_exec(n) for n in range(23)])
    said = run("prune", "--max-size", "10MB", "--dry-run")
    assert said.out.startswith("would remove about 0 execs; ")
    assert run("prune", "--max-size", "10MB").out.startswith("removed 0 execs; ")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--older-than", "yesterday"),
        ("--older-than", "-3d"),
        ("--older-than", "99999999999999999d"),
        ("--max-size", "2"),
        ("--max-size", "2 parsecs"),
        ("--max-size", "-1GB"),
    ],
)
def test_what_makes_no_sense_is_refused(db: object, run: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = run("prune", *arguments)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2GB", 2 * 10**9),
        ("2GiB", 2 * 2**30),
        ("1.5 MB", 1_500_000),
        ("500k", 500_000),
        ("10000000", 10**7),
        ("3TiB", 3 * 2**40),
        ("7b", 7),
    ],
)
def test_a_size_is_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "2 iB", "1e9", "2GBB", "²GB", "1_000"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        parse_size(text)


def test_an_age_is_read() -> None:
    assert parse_age("30d") == 30 * 86_400 * 10**9
    assert parse_age("1.5h") == 5_400 * 10**9
