"""What a file says of marks, changes of the config, and what was filtered."""

import pytest

from execdb.store.browsing import happenings
from execdb.store.browsing.happenings import Filtered, read_filtered, read_happenings
from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database
from tests.conftest import START_NS, an_exec, recorded


def test_what_a_file_says_of_rules(database: Database) -> None:
    recorded(database, [an_exec()])
    with database.writing() as connection:
        connection.execute("INSERT INTO filtered VALUES (1, 1, 'rule', 3, NULL, 5, 9, 23)")
        connection.execute("INSERT INTO filtered VALUES (1, 2, 'limit', NULL, 7, 50, 90, 2)")
    found = read_filtered(database, 0, 20)
    assert found == [Filtered(5, 9, 23, "rule 3")]
    with database.writing() as connection:
        connection.execute("UPDATE filtered SET filtered = 'x'")
    with pytest.raises(DatabaseError, match="inconsistent"):
        read_filtered(database, 0, 20)


def test_marks_and_changes_are_flags(database: Database) -> None:
    """Of a file that has such views."""
    connection = database.connection
    for name in ("marks", "config_log"):
        if not happenings._has(connection, name):
            columns = "0 AS time_ns, '' AS text, '' AS action, '' AS subject WHERE 0"
            connection.execute(f"CREATE VIEW {name} AS SELECT {columns}")
    assert read_happenings(database, 0, START_NS) == []
    with pytest.raises(DatabaseError):
        happenings._happening("mark", "x", "")
