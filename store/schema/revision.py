"""The revision of a database, and what this program can do with it."""

import re
from collections.abc import Callable, Mapping
from sqlite3 import Connection

from execdb.store.schema import definition, verify
from execdb.store.schema.constants import APPLICATION_ID
from execdb.store.schema.verify import SchemaRefused

SchemaOf = Callable[[str], Mapping[str, str]]  # of a revision, as `definition.sql_by_name` gives it

_REVISION = re.compile("[0-9]{4}")


def verified_revision(connection: Connection, older: SchemaOf | None = None) -> str | None:
    """The revision, None in an empty database. Raises SchemaRefused if the database is not
    execdb's, or its schema is not that of its revision. The schemas of older revisions are checked
    if `older` gives them; those of newer ones are not known."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    objects = verify.read_schema(connection)
    if application == 0 and not objects:
        return None
    # A dump (sqlite3 FILE .dump) has no application id, but it has the tables.
    dumped = application == 0 and any(one.name == "alembic_version" for one in objects)
    if application != APPLICATION_ID and not dumped:
        raise SchemaRefused("is an SQLite database, but not execdb's")
    verify.check_version_table(objects)
    found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if found is None or not isinstance(found[0], str) or not _REVISION.fullmatch(found[0]):
        raise SchemaRefused("is not a complete execdb database (no revision)")
    revision = found[0]
    if revision == definition.REVISION:
        verify.check_schema(connection, objects, definition.sql_by_name())
    elif older and definition.FIRST_REVISION <= revision < definition.REVISION:
        verify.check_schema(connection, objects, older(revision))
    return revision


class OlderRevision(SchemaRefused):
    """This program can upgrade it."""


def check_revision(
    found: str | None,
    *,
    upgradable: bool = False,
    copy_of: Callable[[str], object | None] = lambda revision: None,
) -> str:
    """The revision. Raises SchemaRefused unless it is the one of this program or, with
    `upgradable`, one that this program can upgrade (else OlderRevision). `copy_of` gives the path
    of a copy of a revision, if there is one."""
    newest = definition.REVISION
    if found is None:
        raise SchemaRefused("is an empty database: execdb collect makes it one of execdb's")
    if found < definition.FIRST_REVISION:
        raise SchemaRefused(
            f"was made by an unreleased version of execdb (revision {found}): write it out with "
            "that version (execdb query --format ndjson > FILE), then run execdb import FILE with "
            "this one and another --db"
        )
    if found > newest:
        copy = copy_of(newest)
        other = "" if copy is None else f", or use the copy made before its upgrade: --db {copy}"
        raise SchemaRefused(
            f"was written by a newer execdb (revision {found}, this one knows {newest}): "
            f"install that one{other}"
        )
    if found < newest and not upgradable:
        raise OlderRevision(f"is of an older execdb (revision {found}): run execdb upgrade")
    return found
