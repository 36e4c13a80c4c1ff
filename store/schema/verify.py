"""Checks that the schema of a database is ours.

A file may come from anywhere, and SQL in its schema would run when we read or write: views instead
of tables, triggers, expressions in columns and indexes. So the statements in its schema must be
those of ours. What a user has added beside our tables is theirs; we never touch it. Names are
compared as SQLite reads them: it takes bytes for text, and a NUL for the end of a text.
"""

from collections.abc import Mapping
from sqlite3 import Connection
from typing import NamedTuple

from execdb.store.schema.definition import normalized, sql_by_name

_VERSION_TABLE = "table alembic_version"
_COLLATIONS = ("BINARY", "NOCASE", "RTRIM")  # those that are always there
_SQLITES_TABLES = {  # only these tables may have a name of SQLite's
    "sqlite_sequence": "CREATE TABLE sqlite_sequence(name,seq)",
    "sqlite_stat1": "CREATE TABLE sqlite_stat1(tbl,idx,stat)",
    "sqlite_stat4": "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
}


class SchemaRefused(Exception):
    """Why a database cannot be used. The text follows the name of the database: "is not ..."."""


class Object(NamedTuple):
    """One row of sqlite_schema."""

    type: str
    name: str
    table: str
    sql: str | None


def read_schema(connection: Connection) -> list[Object]:
    """Everything in the schema except what SQLite makes for itself. Raises SchemaRefused for what
    SQLite would read as something else."""
    rows = connection.execute("SELECT type, name, tbl_name, sql, rootpage FROM sqlite_schema")
    objects, pages = [], {1}  # the first page is the schema's own
    for *row, page in rows.fetchall():
        one = Object(*row)
        if not all(
            isinstance(text, str) and "\0" not in text for text in (*row[:3], one.sql or "")
        ):
            raise _refusal("a name in its schema is not text")
        if page in pages or type(page) not in (int, type(None)):
            raise _refusal(f"{one.type} {one.name} shares its pages with another")
        pages |= {page} if page else set()
        if not _is_sqlites(one):
            objects.append(one)
    return objects


def _is_sqlites(one: Object) -> bool:
    name = one.name.lower()
    if not name.startswith("sqlite_"):
        return False
    index = one.type == "index" and name.startswith("sqlite_autoindex_") and one.sql is None
    if not index and (one.type != "table" or one.sql != _SQLITES_TABLES.get(one.name)):
        raise _refusal(f"{one.type} {one.name} has a name that only SQLite gives")
    return True


def check_version_table(objects: list[Object]) -> None:
    """Raises SchemaRefused unless the revision can be read safely."""
    _check_ours(objects, {_VERSION_TABLE: sql_by_name()[_VERSION_TABLE]})


def check_schema(
    connection: Connection, objects: list[Object], expected: Mapping[str, str]
) -> None:
    """Raises SchemaRefused unless each object of ours has the SQL that is expected of it, as
    `sql_by_name` gives it. Views and indexes may be missing."""
    _check_ours(objects, expected)
    for one in objects:
        table = one.table.lower()
        if f"table {table}" in expected or f"view {table}" in expected:
            _check_theirs(connection, one, expected)


def _check_ours(objects: list[Object], expected: Mapping[str, str]) -> None:
    names = {key.partition(" ")[2] for key in expected}
    missing = {key for key in expected if key.startswith("table ")}
    for one in objects:
        if one.name.lower() in names:
            key = f"{one.type} {one.name}"
            if expected.get(key) != normalized(one.sql or ""):
                raise _refusal(f"its {key} is not what execdb makes")
            missing.discard(key)
    if missing:
        raise SchemaRefused(f"is not a complete execdb database (no {min(missing)})")


def _check_theirs(connection: Connection, one: Object, expected: Mapping[str, str]) -> None:
    """Refuses what someone has added to a table of ours, unless it is an index of columns alone
    that accepts every row."""
    if f"{one.type} {one.name}" in expected:
        return
    if one.type != "index" or _does_more(connection, one):
        raise _refusal(f"{one.type} {one.name} on {one.table} would run when execdb writes")


def _does_more(connection: Connection, index: Object) -> bool:
    """Whether the index has expressions or a collation that is not SQLite's, covers only some
    rows, or keeps rows out."""
    found = connection.execute(
        "SELECT 1 FROM pragma_index_xinfo(?) WHERE cid = -2 OR upper(coll) NOT IN (?, ?, ?)"
        " UNION ALL SELECT 1 FROM pragma_index_list(?)"
        ' WHERE name = ? AND (partial OR "unique")',
        (index.name, *_COLLATIONS, index.table, index.name),
    )
    return found.fetchone() is not None


def _refusal(why: str) -> SchemaRefused:
    return SchemaRefused(f"is not to be trusted: {why[:200]}")
