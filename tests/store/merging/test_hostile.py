"""import FILE.db of a file that was tampered with: nothing of it is imported."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.account import Loss
from execdb.store.errors import DatabaseError
from tests.central.stores import Recorder, some_execs
from tests.conftest import START_NS
from tests.store.merging.test_merge import OTHER, merge

HOSTILE = {
    "a time before 1970": "UPDATE image SET time_ns = -5 WHERE id = 7",
    "a pid of text": "UPDATE image SET pid = 'x' WHERE id = 7",
    "a negative pid": "UPDATE image SET pid = -7 WHERE id = 7",
    "no origin": "DELETE FROM origin",
    "a status without meaning": "UPDATE image SET status = 70000 WHERE id = 7",
    "overlapping segments": "INSERT INTO segment SELECT 3, 5, run_id, offset_ns, first_boot_ns,"
    " last_boot_ns, first_entry_id, last_entry_id FROM segment",
    "a count that is none": "UPDATE run SET seen = -1",
    "a run of no kind": "UPDATE run SET kind = 'x'",
    "a host of text without end": "UPDATE run SET host = printf('%.*c', 1000, 'x')",
    "a loss of text": "UPDATE loss SET lost = 'x'",
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON image BEGIN DELETE FROM run; END",
    "no number of its own": "UPDATE run SET global_id = NULL",
}


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_leaves_nothing_half_done(
    own_database: Path, tmp_path: Path, case: str, beside: bool
) -> None:
    own = Recorder(own_database)
    own.write(some_execs(5, first=100))
    own.finish()
    other = Recorder(tmp_path / "web1.db", OTHER)
    other.write(some_execs(53), losses=[Loss(1, "ring full", START_NS, START_NS + 5, 7)], lost=7)
    other.finish()
    path = other.database.path
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(HOSTILE[case])
    with closing(sqlite3.connect(own_database)) as connection:
        before = [*connection.iterdump()]
    with pytest.raises(DatabaseError):
        merge(own_database, path, (lambda: None) if beside else None)
    with closing(sqlite3.connect(own_database)) as connection:
        assert [*connection.iterdump()] == before
