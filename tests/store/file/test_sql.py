"""Rows that are stored in bulk: all of them, in their order, as they were given."""

import sqlite3

import pytest

from execdb.store.errors import DatabaseError
from execdb.store.file.sql import BulkInsert

INSERT = BulkInsert("t", ("id", "value"))


@pytest.fixture
def connection() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, value)")
    return connection


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 63, 64, 65, 137])
def test_any_number_of_rows_is_stored(connection: sqlite3.Connection, count: int) -> None:
    rows = [(n, (None, "text", n)[n % 3]) for n in range(count)]
    INSERT.run(connection, [value for row in rows for value in row])
    assert connection.execute("SELECT * FROM t ORDER BY rowid").fetchall() == rows


def test_a_row_that_is_not_stored_is_an_error(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TRIGGER one BEFORE INSERT ON t WHEN new.id = 70 BEGIN SELECT RAISE(IGNORE); END"
    )
    with pytest.raises(DatabaseError, match="did not store 97 rows of t"):
        INSERT.run(connection, [value for n in range(97) for value in (n, None)])
