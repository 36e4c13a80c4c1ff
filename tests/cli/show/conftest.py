"""A history with gaps."""

from pathlib import Path

import pytest

from execdb.store.account import Loss
from execdb.store.file.database import open_database
from tests.cli.show.runs_with_gaps import MS, a_run
from tests.conftest import START_NS


@pytest.fixture
def holes(db: Path) -> Path:
    """Three runs: 7 execs and a crash, 11 execs with 5 lost, 3 execs."""
    losses = (Loss(1, "ring full", START_NS + 503 * MS, START_NS + 505 * MS, 5),)
    with open_database(db) as database:
        a_run(database, 0, 6, ended=False)
        a_run(database, 500, 510, losses=losses)
        a_run(database, 1_000, 1_002)
    return db
