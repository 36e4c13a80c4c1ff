"""Makes and migrates the schema of a central store: `execdb upgrade --db URL`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from execdb.store.central.connection import REVISION, central_errors, connect, revision_of
from execdb.store.central.errors import CentralError, CentralSchemaError
from execdb.store.central.tables import ddl, guards, run_days, views
from execdb.store.central.url import CentralUrl

if TYPE_CHECKING:
    from alembic.config import Config
    from psycopg import Connection

_MAY = """
SELECT (rolsuper OR rolcreaterole) AND has_database_privilege(current_database(), 'CREATE')
FROM pg_roles WHERE rolname = current_user
"""
_THERE = (
    "SELECT (SELECT count(*) FROM pg_roles WHERE rolname = ANY(%s)) = 3"
    " AND to_regnamespace('execdb') IS NOT NULL"
)
# Whoever comes after one that waits for a table's lock waits as well: forwarders and readers.
_LOCK_TIMEOUT = b"SET LOCAL lock_timeout = '30s'"
_IS_OWNER = f"SELECT pg_has_role('{ddl.OWNER}', 'MEMBER')"


def upgrade(url: CentralUrl) -> str | None:
    """Brings the schema to this program's revision in one transaction, and returns the revision
    before (None: there was none). Raises CentralError."""
    with connect(url, name="execdb upgrade") as connection, central_errors(url):
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise CentralError(
                f"{url} has the encoding {encoding}: execdb needs a database in UTF8"
            )
        connection.autocommit = False
        with _alembic(connection) as config:
            connection.execute(_LOCK_TIMEOUT)
            connection.execute(f"SELECT pg_advisory_xact_lock({ddl.LOCK})")
            _become_owner(connection, url)
            found = revision_of(connection, url)
            if found is not None and found > REVISION:
                raise CentralSchemaError(
                    f"{url} has a schema of a newer execdb (revision {found}, this one knows "
                    f"{REVISION}): install that one"
                )
            _migrate(config)
            for part in (
                views.views,
                views.functions,
                guards.guards,
                run_days.trigger,
                views.rights,
            ):
                for statement in part():
                    connection.execute(statement.encode())
    return found


def _become_owner(connection: "Connection", url: CentralUrl) -> None:
    """For this transaction. Makes the roles where that is allowed. Raises CentralError."""
    if not _true(connection, _THERE, [list(ddl.ROLES)]):
        if not _true(connection, _MAY):
            raise CentralError(
                f"{url}: the roles or the schema of execdb are missing, and this login may not "
                "make them: a DBA runs what execdb upgrade --print-roles prints"
            )
        for statement in ddl.roles():
            connection.execute(statement.encode())
    if not _true(connection, _IS_OWNER):
        raise CentralError(f"{url}: this login is not a member of the role {ddl.OWNER}")
    connection.execute(f"SET LOCAL ROLE {ddl.OWNER}")


def _true(connection: "Connection", sql: str, values: list[object] | None = None) -> bool:
    row = connection.execute(sql.encode(), values).fetchone()
    return row is not None and row[0] is True


@contextmanager
def _alembic(connection: "Connection") -> Iterator["Config"]:
    """What Alembic needs to know, in one transaction of this connection, committed at the end."""
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    from execdb.migrations import central
    from execdb.migrations.central import versions

    config = Config()
    for option, folders in (
        ("script_location", central.__path__),
        ("version_locations", versions.__path__),
    ):
        config.set_main_option(option, "\n".join(folders).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool
    )
    with engine.begin() as config.attributes["connection"]:
        yield config


def _migrate(config: "Config") -> None:
    from alembic import command
    from sqlalchemy.exc import DBAPIError

    try:
        command.upgrade(config, "head")
    except DBAPIError as error:
        raise (error.orig or error) from error
