"""Connections to the central store. The driver (psycopg) is imported when one is opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from execdb.store.central.errors import (
    CentralError,
    CentralRefusal,
    CentralSchemaError,
    PartitionMissing,
    is_refusal,
    sentence,
)
from execdb.store.central.sqlstate import code_of
from execdb.store.central.url import CentralUrl

if TYPE_CHECKING:
    from psycopg import Connection, Error

REVISION = "0007"  # the newest under migrations/central/versions; a test compares the two
_VERSION_LEAST = 150_000  # of the server
CONNECT_S = 10
_SILENT_MS = 30_000  # bytes that nobody acknowledges
_NO_SUCH_TABLE, _NO_SUCH_SCHEMA, _CHECK, _DISK_FULL = "42P01", "3F000", "23514", "53100"
_STAYS_LOCKED = "55P03"


def connect(
    url: CentralUrl,
    *,
    name: str = "execdb",
    known: str | None = None,
    connect_s: int = CONNECT_S,
) -> "Connection":
    """An open connection in autocommit mode. `known` is `what_connects` of an earlier one, which
    needs no file of passwords or services any more. Raises CentralError."""
    try:
        import psycopg

        from execdb.store.central.interruptible import Interruptible
    except ImportError as error:
        raise CentralRefusal(
            f"a central store needs psycopg 3: pip install 'psycopg[binary]' ({error})"
        ) from error
    try:
        psycopg.conninfo.conninfo_to_dict(url.text)
    except psycopg.Error:  # its text repeats what was given, with the password
        raise CentralRefusal(
            f"{url} is not a URL that PostgreSQL's driver reads: in a password or name, write "
            "characters such as @ : / as %40 %3A %2F"
        ) from None
    conninfo = psycopg.conninfo.make_conninfo(
        known or url.text,
        connect_timeout=connect_s,
        application_name=name,
        client_encoding="UTF8",
        keepalives_idle=30,
        keepalives_interval=10,
        keepalives_count=3,
        tcp_user_timeout=_SILENT_MS,
    )
    try:
        # A pooler may give each transaction another server process.
        connection = Interruptible.connect(conninfo, autocommit=True, prepare_threshold=None)
    except psycopg.errors.ConnectionTimeout as error:
        raise _meaning(url, error, None) from error
    except psycopg.Error as error:
        code = None if is_refusal(None, str(error)) else code_of(str(error), conninfo)
        raise _meaning(url, error, code) from error
    if connection.info.server_version < _VERSION_LEAST:
        version = connection.info.parameter_status("server_version")
        connection.close()
        raise CentralRefusal(f"{url} is PostgreSQL {version}: execdb needs 15 or newer")
    return connection


def what_connects(connection: "Connection", url: CentralUrl) -> str:
    """All that the connection was made of, its password included, from wherever it came."""
    import psycopg

    found: dict[str, str] = connection.info.get_parameters()
    if "host" in found and "hostaddr" not in psycopg.conninfo.conninfo_to_dict(url.text):
        found.pop("hostaddr", None)  # the name may lead elsewhere the next time
    if connection.info.password:
        found["password"] = connection.info.password
    return psycopg.conninfo.make_conninfo(**found)


@contextmanager
def central_errors(url: CentralUrl) -> Iterator[None]:
    """Turns the driver's errors into CentralError, a sentence without password."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise _meaning(url, error, error.sqlstate) from error


def _meaning(url: CentralUrl, error: "Error", code: str | None) -> CentralError:
    text = str(error)
    said = f"{url}: {sentence(url, text)}"
    if code in (_NO_SUCH_TABLE, _NO_SUCH_SCHEMA):
        return CentralSchemaError(said)
    if code == _CHECK and error.diag.constraint_name is None:  # what has no name is a partition's
        return PartitionMissing(said)
    if code == _DISK_FULL:  # the text names another file each time
        return CentralError(f"{url}: the server's disk is full")
    if code == _STAYS_LOCKED:
        return CentralError(
            f"{url}: another session keeps locked what this needs (pg_stat_activity shows which): "
            "end it, or try again later"
        )
    return CentralRefusal(said) if is_refusal(code, text) else CentralError(said)


def revision_of(connection: "Connection", url: CentralUrl) -> str | None:
    """The revision of the schema; None if there is none. Raises CentralError."""
    with central_errors(url):
        found = connection.execute("SELECT to_regclass('execdb.alembic_version')").fetchone()
        if found is None or found[0] is None:
            return None
        row = connection.execute("SELECT version_num FROM execdb.alembic_version").fetchone()
    return None if row is None else str(row[0])


def check_revision(connection: "Connection", url: CentralUrl) -> None:
    """Raises CentralSchemaError unless the schema is of this program's revision."""
    found = revision_of(connection, url)
    if found is None:
        raise CentralSchemaError(f"{url} has no schema of execdb: run execdb upgrade --db URL")
    if found > REVISION:
        raise CentralSchemaError(
            f"{url} has a schema of a newer execdb (revision {found}, this one knows {REVISION}): "
            "install that one"
        )
    if found < REVISION:
        raise CentralSchemaError(
            f"{url} has a schema of an older execdb (revision {found}): run execdb upgrade --db URL"
        )
