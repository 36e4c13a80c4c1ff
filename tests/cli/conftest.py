"""What tests of the command line share."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from execdb.store.account import Loss
from execdb.store.file.database import open_database
from tests.cli.show.runs_with_gaps import MS, a_run
from tests.conftest import START_NS, Answer, an_exec, counts, recorded

Run = Callable[..., Answer]
Execdb = Callable[..., subprocess.CompletedProcess[str]]


def refused(answer: Answer, code: int, *words: str) -> None:
    """One line on stderr, nothing on stdout, the right code."""
    assert (answer.out, answer.code) == ("", code)
    assert answer.err.startswith("execdb: ")
    assert answer.err.count("\n") == 1
    assert answer.err.endswith("\n")
    for word in words:
        assert word in answer.err


@pytest.fixture
def filled(db: Path) -> Path:
    with open_database(db) as database:
        recording = recorded(database, [an_exec(n, argv=("run", str(n))) for n in range(23)])
        recording.finish(an_exec(23).time_ns, counts(23))
    return db


@pytest.fixture
def holes(db: Path) -> Path:
    """Three runs: 7 execs and a crash, 11 execs with 5 lost from 500 ms on, 3 from
    1,000 ms on."""
    losses = (Loss(1, "ring full", START_NS + 503 * MS, START_NS + 505 * MS, 5),)
    with open_database(db) as database:
        a_run(database, 0, 6, ended=False)
        a_run(database, 500, 510, losses=losses)
        a_run(database, 1_000, 1_002)
    return db
