"""What tests of the command line share."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from execdb.store.file.database import open_database
from tests.conftest import Answer, an_exec, counts, recorded

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
