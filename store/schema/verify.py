"""Whether a database's schema is the one that our migrations make.

A file may come from anywhere, and SQL that stands in its schema would run when we read or write:
views in the place of tables, triggers, expressions in columns and indexes. What a user has added
beside our tables is theirs; we never touch it. Names are believed only as SQLite reads them: it
takes bytes for text, and text to end at a NUL.
"""

import hashlib
import re
from sqlite3 import Connection
from typing import NamedTuple

from execdb.store.errors import DatabaseError
from execdb.store.schema.digests import SCHEMAS

_VERSION_TABLE = "table alembic_version"
_SPACE = re.compile("[ \t\n\f\r]+")  # what parts words for SQLite; Unicode has more
_COLLATIONS = ("BINARY", "NOCASE", "RTRIM")  # those that are always there
_SQLITES_TABLES = {  # no others may have such a name, and nothing but a table
    "sqlite_sequence": "CREATE TABLE sqlite_sequence(name,seq)",
    "sqlite_stat1": "CREATE TABLE sqlite_stat1(tbl,idx,stat)",
    "sqlite_stat4": "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
}


class Object(NamedTuple):
    """One row of sqlite_schema."""

    type: str
    name: str
    table: str
    sql: str | None


def read_schema(connection: Connection) -> list[Object]:
    """Everything in the schema but what SQLite makes for itself. Raises DatabaseError for what
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


def digest(one: Object) -> str:
    """What stands in `store/schema/digests.py`: of the object's SQL, white space apart."""
    words = _SPACE.sub(" ", one.sql or "").strip(" ")
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:32]


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
        table = one.table.lower()
        if f"table {table}" in trusted or f"view {table}" in trusted:
            _check_theirs(connection, one, trusted)


def _check_ours(objects: list[Object], trusted: dict[str, str]) -> None:
    names = {key.partition(" ")[2] for key in trusted}
    missing = {key for key in trusted if key.startswith("table ")}
    for one in objects:
        if one.name.lower() in names:
            key = f"{one.type} {one.name}"
            if trusted.get(key) != digest(one):
                raise _refusal(f"its {key} is not what execdb makes")
            missing.discard(key)
    if missing:
        raise DatabaseError(f"is not a complete execdb database (no {min(missing)})")


def _check_theirs(connection: Connection, one: Object, trusted: dict[str, str]) -> None:
    """What someone has added to a table of ours. An index of columns alone does no harm, unless it
    keeps rows out."""
    if f"{one.type} {one.name}" in trusted:
        return
    if one.type != "index" or _does_more(connection, one):
        raise _refusal(f"{one.type} {one.name} on {one.table} would run when execdb writes")


def _does_more(connection: Connection, index: Object) -> bool:
    """Whether it has expressions, covers some rows only, or decides which rows there may be."""
    found = connection.execute(
        "SELECT 1 FROM pragma_index_xinfo(?) WHERE cid = -2 OR upper(coll) NOT IN (?, ?, ?)"
        " UNION ALL SELECT 1 FROM pragma_index_list(?)"
        ' WHERE name = ? AND (partial OR "unique")',
        (index.name, *_COLLATIONS, index.table, index.name),
    )
    return found.fetchone() is not None


def _refusal(why: str) -> DatabaseError:
    return DatabaseError(f"is not to be trusted: {why[:200]}")
