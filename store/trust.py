"""Whether a database's schema is the one that our migrations make.

A file may come from anywhere, and SQL that stands in its schema would run when we read or write:
views in the place of tables, triggers, expressions in columns and indexes. What a user has added
beside our tables is theirs; we never touch it.
"""

import hashlib
from sqlite3 import Connection
from typing import NamedTuple

from execdb.store.errors import DatabaseError
from execdb.store.trusted import SCHEMAS

_VERSION_TABLE = "table alembic_version"


class Object(NamedTuple):
    """One row of sqlite_schema."""

    type: str
    name: str
    table: str
    sql: str | None


def read_schema(connection: Connection) -> list[Object]:
    """Everything in the schema but what SQLite makes for itself."""
    rows = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%'"
        " ESCAPE '\\'"
    )
    return [Object(*row) for row in rows]


def digest(one: Object) -> str:
    """What stands in `store/trusted.py`: of the object's SQL, white space apart."""
    words = " ".join((one.sql or "").split())
    return hashlib.sha256(words.encode()).hexdigest()[:32]


def check_version_table(objects: list[Object]) -> None:
    """Raises DatabaseError unless the revision can be read safely."""
    oldest = min(SCHEMAS)  # the table is the same in all of them
    _check_ours(objects, {_VERSION_TABLE: SCHEMAS[oldest][_VERSION_TABLE]})


def check_schema(connection: Connection, objects: list[Object], revision: str) -> None:
    """Raises DatabaseError for a schema that is not the one of this revision."""
    trusted = SCHEMAS.get(revision)
    if trusted is None:
        raise DatabaseError(f"is not a complete execdb database (revision {revision})")
    _check_ours(objects, trusted)
    for one in objects:
        table = str(one.table).lower()
        if f"table {table}" in trusted or f"view {table}" in trusted:
            _check_theirs(connection, one, trusted)


def _check_ours(objects: list[Object], trusted: dict[str, str]) -> None:
    names = {key.partition(" ")[2] for key in trusted}
    missing = {key for key in trusted if key.startswith("table ")}
    for one in objects:
        if str(one.name).lower() in names:
            key = f"{one.type} {one.name}"
            if trusted.get(key) != digest(one):
                raise _refusal(f"its {key} is not what execdb makes")
            missing.discard(key)
    if missing:
        raise DatabaseError(f"is not a complete execdb database (no {min(missing)})")


def _check_theirs(connection: Connection, one: Object, trusted: dict[str, str]) -> None:
    """What someone has added to a table of ours. An index of columns alone does no harm."""
    harmless = f"{one.type} {one.name}" in trusted or (
        one.type == "index" and not _has_expressions(connection, one)
    )
    if not harmless:
        raise _refusal(f"{one.type} {one.name} on {one.table} would run when execdb writes")


def _has_expressions(connection: Connection, index: Object) -> bool:
    found = connection.execute(
        "SELECT 1 FROM pragma_index_xinfo(?) WHERE cid = -2"
        " UNION ALL SELECT 1 FROM pragma_index_list(?) WHERE name = ? AND partial",
        (index.name, index.table, index.name),
    )
    return found.fetchone() is not None


def _refusal(why: str) -> DatabaseError:
    return DatabaseError(f"is not to be trusted: {why[:200]}")
