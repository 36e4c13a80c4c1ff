"""status: what runs, what is stored, what is in the kernel."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.file.database import Database
from execdb.store.file.locks.collector_lock import CollectorLock
from execdb.store.ledger import totals
from execdb.store.ledger.totals import Totals, read_totals
from tests.cli.conftest import Run


def test_status_tells_what_is_there(run: Run, filled: Path) -> None:
    text = run("status").out
    assert "not running" in text
    assert "seen 23 = stored 23 + filtered 0 + lost 0" in text
    found = json.loads(run("status", "--format", "json").out)
    assert (found["events"], found["collector_pid"], found["database"]) == (23, None, str(filled))
    assert found["seen"] == found["stored"] + found["filtered"] + found["lost"] == 23
    assert found["config"]["in_kernel"] is False


def test_status_knows_the_collector(run: Run, filled: Path) -> None:
    lock = CollectorLock(filled)
    try:
        assert f"running, pid {os.getpid()}" in run("status").out
    finally:
        lock.close()


def test_all_that_status_tells_is_of_one_moment(
    run: Run, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collector stores more while it reads."""

    def read_and_wait(database: Database) -> Totals:
        found = read_totals(database)
        with closing(sqlite3.connect(filled)) as connection, connection:
            connection.execute("INSERT INTO filtered VALUES (1, 1, 'rule', 7, NULL, 23, 29, 31)")
            connection.execute("UPDATE run SET filtered = 31, seen = seen + 31")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(totals, "read_totals", read_and_wait)
        found = json.loads(run("status", "--format", "json").out)
    assert (found["filtered"], found["filters"]) == (0, [])
    found = json.loads(run("status", "--format", "json").out)
    assert (found["filtered"], found["filters"][0]["filtered"]) == (31, 31)


def test_status_of_an_empty_database(run: Run, db: Path) -> None:
    assert run("status").code == 0


def test_status_shows_no_host_that_acts_on_the_terminal(run: Run, filled: Path) -> None:
    connection = sqlite3.connect(filled)
    with connection:
        connection.execute("UPDATE run SET host = 'a' || char(27) || '[31m'")
    connection.close()
    assert "\x1b" not in run("status").out
    assert "\\x1b[31m" in run("status").out
