"""One server for all tests here, and a database of its own for each."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import psycopg
import pytest

from execdb.store.central.tables.upgrade import upgrade
from execdb.store.central.url import CentralUrl
from tests.central.outliving import folder_of_a_server
from tests.central.server import PASSWORD, Server

_numbers = count(1)
FORWARDER, READER = "web1", "alice"  # logins
_LAST_WORDS = psycopg.errors.AdminShutdown, psycopg.errors.CrashShutdown


@dataclass
class Central:
    """A central store with the schema of execdb."""

    server: Server
    name: str
    _asking: psycopg.Connection | None = field(default=None, init=False, repr=False)

    @property
    def admin(self) -> str:
        return self.server.url(self.name)

    @property
    def url(self) -> str:
        """For a forwarder."""
        return self.server.url(self.name, FORWARDER)

    @property
    def reader(self) -> str:
        return self.server.url(self.name, READER)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a superuser is told, always by the same connection: many tests ask until something
        is there. Where the server has ended it, by another one."""
        if self._asking is None:
            self._asking = psycopg.connect(self.admin, autocommit=True, prepare_threshold=None)
        try:
            cursor = self._asking.execute(sql.encode(), values or None)
            return cursor.fetchall() if cursor.description else []
        except psycopg.OperationalError as error:
            # Its last words may be read before its end is noticed.
            if not self._asking.broken and not isinstance(error, _LAST_WORDS):
                raise
            self.hang_up()
            return self.rows(sql, *values)

    def hang_up(self) -> None:
        if self._asking is not None:
            self._asking.close()
            self._asking = None

    __del__ = hang_up

    def value(self, sql: str, *values: Any) -> Any:
        return self.rows(sql, *values)[0][0]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with a_server() as server:
        yield with_logins(server)


@contextlib.contextmanager
def a_server() -> Iterator[Server]:
    """Not started yet; stopped and removed in the end."""
    with folder_of_a_server() as folder:
        server = Server(folder)
        try:
            yield server
        finally:
            with contextlib.suppress(AssertionError):
                server.stop("immediate")


def with_logins(server: Server) -> Server:
    """Starts it."""
    server.start()
    with server.connect() as connection:
        for role in ("execdb_owner", "execdb_forwarder", "execdb_reader"):
            connection.execute(f"CREATE ROLE {role} NOLOGIN".encode())
        for login, role in ((FORWARDER, "execdb_forwarder"), (READER, "execdb_reader")):
            sql = f"CREATE ROLE {login} LOGIN PASSWORD '{PASSWORD}' IN ROLE {role}"
            connection.execute(sql.encode())
    return server


@pytest.fixture
def empty(server: Server) -> Iterator[Central]:
    """A database without a schema."""
    yield (made := another(server, "template1"))
    drop(made)


@pytest.fixture(scope="session")
def template_database(server: Server) -> str:
    with server.connect() as connection:
        connection.execute(b"CREATE DATABASE central_template")
    upgrade(CentralUrl(server.url("central_template")))
    return "central_template"


@pytest.fixture
def central(server: Server, template_database: str) -> Iterator[Central]:
    """A database with the schema."""
    yield (made := another(server, template_database))
    drop(made)


def another(server: Server, template_database: str) -> Central:
    """One more of these."""
    name = f"central{next(_numbers)}"
    with server.connect() as connection:
        how = " STRATEGY FILE_COPY" if connection.info.server_version >= 150_000 else ""
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template_database}{how}".encode())
    return Central(server, name)


def drop(central: Central) -> None:
    central.hang_up()
    with central.server.connect() as connection:
        connection.execute(f"DROP DATABASE {central.name} WITH (FORCE)".encode())
