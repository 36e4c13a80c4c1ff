"""Damaged and inconsistent databases: a sentence for each, never a traceback."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execdb.store.errors import DatabaseError
from execdb.store.file.database import open_database
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import a_filter, an_exec, recorded


def test_half_of_a_file(db: Path) -> None:
    with open_database(db) as database:
        recorded(database, [an_exec(n, argv=("x" * 97, str(n))) for n in range(1_009)])
    size = db.stat().st_size
    os.truncate(db, size // 2)
    with pytest.raises(DatabaseError, match="damaged"), open_database(db) as database:
        list(History(database).events(Filter()))


@pytest.fixture(scope="session")
def filled(template: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("filled") / "execdb.db"
    shutil.copy(template, path)
    with open_database(path) as database:
        recorded(database, [an_exec(n, argv=("x" * 23, str(n % 97))) for n in range(503)])
    return path.read_bytes()


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_a_sentence_and_no_traceback(
    own_database: Path, filled: bytes, data: st.DataObject
) -> None:
    raw = bytearray(filled)
    for _ in range(data.draw(st.integers(1, 7))):
        at = data.draw(st.integers(100, len(raw) - 1))
        raw[at : at + 23] = data.draw(st.binary(min_size=1, max_size=23))
    own_database.write_bytes(raw)
    try:
        with open_database(own_database) as database:
            history = History(database)
            list(history.events(Filter()))
            history.count(a_filter(arg="x", uid=0))
    except DatabaseError:
        pass  # anything else fails the test


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM command",
        "DELETE FROM origin",
        "DELETE FROM program",
        "DELETE FROM argument",
        "DELETE FROM run",
        "UPDATE segment SET run_id = 23",
        "UPDATE command SET arguments = '[1'",
        "UPDATE command SET arguments = '23'",
        "UPDATE command SET arguments = '[\"1\"]'",
        "UPDATE command SET argc = 'one'",
        "UPDATE argument SET text = 'x'",
        "UPDATE argument SET text = '23'",
        "UPDATE argument SET text = ''",
        "UPDATE argument SET text = x'2278'",
        'UPDATE argument SET text = \'"x", "y"\'',
        "UPDATE argument SET text = '[\"x\"]'",
        "UPDATE command SET arguments = '[1], [1]'",
        "UPDATE command SET arguments = '[[1]]'",
        "UPDATE command SET arguments = '\"1\"'",
        "UPDATE origin SET uid = 'root'",
        "UPDATE image SET pid = 'x'",
        "DROP TABLE origin",
    ],
)
def test_an_inconsistent_database_is_a_sentence(db: Path, damage: str) -> None:
    with open_database(db) as database:
        recorded(database, [an_exec()])
    connection = sqlite3.connect(db)
    with connection:
        connection.execute(damage)
    connection.close()
    with pytest.raises(DatabaseError), open_database(db) as database:
        list(History(database).events(Filter()))
