"""The schema has one hand-written copy, and everything else follows from it."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import TableClause

from execdb.migrations import versions
from execdb.store.schema import definition, tables
from tests.conftest import schema_of


def test_the_newest_migration_is_the_revision_of_the_schema() -> None:
    files = sorted(Path(versions.__path__[0]).glob("[0-9]*.py"))
    revision = re.search(r'^revision = "(\w+)"', files[-1].read_text(), re.MULTILINE)
    assert revision
    assert revision[1] == definition.REVISION
    assert files[-1].name.startswith(definition.REVISION + "_")


def test_it_is_taken_apart_into_whole_statements() -> None:
    statements = definition.statements()
    assert all(sqlite3.complete_statement(f"{sql};") for sql in statements)
    assert not any("--" in sql or ";" in sql for sql in statements)
    assert len(definition.sql_by_name()) == sum(sql.startswith("CREATE") for sql in statements)


def test_a_database_holds_it_without_comments(template: Path) -> None:
    assert schema_of(template) == definition.sql_by_name()
    with closing(sqlite3.connect(template)) as connection:
        assert not any("--" in sql for sql in connection.iterdump())


def test_sqlite_takes_a_row_of_each_table_for_sound(template: Path, tmp_path: Path) -> None:
    """Its quick_check (before 3.41) reads NULL where the columns of a table without rowid are its
    primary key in another order: `doctor` would say that the file is damaged."""
    copy = tmp_path / "copy.db"
    copy.write_bytes(template.read_bytes())
    with closing(sqlite3.connect(copy)) as connection:
        names = connection.execute("SELECT name FROM pragma_table_list WHERE wr").fetchall()
        assert len(names) > 5
        for (name,) in names:
            columns = connection.execute(f"SELECT type FROM pragma_table_info('{name}')")
            values = [23 if type_ == "INTEGER" else "x" for (type_,) in columns]
            places = ", ".join("?" * len(values))
            connection.execute(f"INSERT INTO {name} VALUES ({places})", values)
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("name", ["image", "origin", "program", "command", "argument"])
def test_queries_know_the_columns_of_a_table(template: Path, name: str) -> None:
    table: TableClause = getattr(tables, name)
    with closing(sqlite3.connect(template)) as connection:
        columns = connection.execute(f"SELECT name, type FROM pragma_table_info('{name}')")
        assert [(one.name, str(one.type)) for one in table.columns] == columns.fetchall()
