"""Reads and changes what the central store has of the config."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from execdb.store.central.connection import check_revision, connect
from execdb.store.central.errors import CentralError
from execdb.store.central.tables.ddl import OWNER
from execdb.store.central.text import from_central, to_central
from execdb.store.central.url import CentralUrl
from execdb.store.central.watchdog import deadline
from execdb.store.config.applying import Wanted
from execdb.store.config.log import Difference
from execdb.store.config.managed.wording import LENGTH_MAX, laid_over, text_of, wanted_of
from execdb.store.errors import UsageError

if TYPE_CHECKING:
    from psycopg import Connection

_ANSWER_S = 30.0
_LOCK = 5_206_737_622  # an advisory lock: whoever changes the config


@dataclass(frozen=True)
class Scope:
    """For whom a config is: `all`, `group` or `host`, with the name of the latter."""

    kind: str = "all"
    name: str = ""

    def __str__(self) -> str:
        return "all hosts" if self.kind == "all" else f"{self.kind} {self.name}"


class Document(NamedTuple):
    """The config for a scope; `generation` 0: there is none yet."""

    wanted: Wanted
    generation: int


def read_document(url: CentralUrl, scope: Scope) -> Document:
    """Raises CentralError, and UsageError if what is there is no config."""
    with connect(url, name="execdb config") as connection, deadline(connection, url, _ANSWER_S):
        check_revision(connection, url)
        row = connection.execute(_READ, (scope.kind, to_central(scope.name))).fetchone()
    return Document(Wanted(), 0) if row is None else Document(wanted_of(row[0]), int(row[1]))


def write_document(
    url: CentralUrl,
    scope: Scope,
    before: Document,
    wanted: Wanted,
    action: str,
    changes: Sequence[Difference],
) -> int:
    """Stores the config for a scope, and returns its generation. Raises CentralError, also if
    somebody else has changed it since `before` was read: nothing is stored then."""
    name, text = to_central(scope.name), text_of(wanted)
    with (
        connect(url, name="execdb config") as connection,
        deadline(connection, url, _ANSWER_S),
        connection.transaction(),
    ):
        check_revision(connection, url)
        _become_owner(connection, url)
        connection.execute(b"SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        row = connection.execute(_READ, (scope.kind, name)).fetchone()
        if (int(row[1]) if row else 0) != before.generation:
            raise CentralError(
                f"{url}: somebody else has changed the config of {scope} at the same time: "
                "look at it, and try again"
            )
        found = connection.execute(_WRITE, (scope.kind, name, text)).fetchone()
        assert found is not None
        rows = [(found[0], scope.kind, name, action, *map(_central, each)) for each in changes]
        connection.cursor().executemany(_LOG, rows)
    return int(found[0])


def _become_owner(connection: "Connection", url: CentralUrl) -> None:
    row = connection.execute(f"SELECT pg_has_role('{OWNER}', 'MEMBER')".encode()).fetchone()
    if row is None or not row[0]:
        raise CentralError(f"{url}: only a member of the role {OWNER} may change the config")
    connection.execute(f"SET LOCAL ROLE {OWNER}".encode())


def _central(text: str | None) -> str | None:
    return None if text is None else to_central(text)


class ForHost(NamedTuple):
    """What the store wants of a host: the newest generation of what concerns it. `why` it cannot
    be; None for `wanted` then."""

    generation: int
    wanted: Wanted | None
    why: str | None = None


def read_for_host(connection: "Connection", host: str, group: str | None) -> ForHost | None:
    """Host over group over all; None if the store has no config for it. Raises the driver's
    errors."""
    values = to_central(host), None if group is None else to_central(group)
    rows = connection.execute(_FOR_HOST, values).fetchall()
    if not rows:
        return None
    generation = max(int(row[1]) for row in rows)
    try:
        return ForHost(generation, laid_over([wanted_of(row[0]) for row in rows]))
    except UsageError as error:
        return ForHost(generation, None, str(error))


class HostConfig(NamedTuple):
    """What a forwarder reported of its host. Generations are the store's; `wanted` is the one that
    it knew of, `newest` the one that there is now."""

    host: str
    group: str | None
    newest: int | None
    wanted: int | None
    in_file: int | None
    in_kernel: int | None
    error: str | None
    told_ns: int | None
    silent_ns: int | None
    shipper: str | None


def read_host_configs(url: CentralUrl) -> list[HostConfig]:
    """Of each host that has shipped, or reported its config, by name. Raises CentralError."""
    with (
        connect(url, name="execdb config") as connection,
        deadline(connection, url, _ANSWER_S),
    ):
        check_revision(connection, url)
        rows = connection.execute(_HOSTS).fetchall()
    return [HostConfig(*map(_local, row)) for row in rows]


def _local(value: Any) -> Any:
    return from_central(value) if isinstance(value, str) else value


_READ = b"SELECT document, generation FROM execdb.config WHERE scope = %s AND name = %s"
_WRITE = (
    b"INSERT INTO execdb.config AS known (scope, name, document, generation)"
    b" VALUES (%s, %s, %s, nextval('execdb.config_generation'))"
    b" ON CONFLICT (scope, name) DO UPDATE SET document = excluded.document,"
    b" generation = excluded.generation, changed_at = clock_timestamp(),"
    b" changed_by = session_user RETURNING generation"
)
_LOG = (
    b"INSERT INTO execdb.config_edit (generation, scope, name, action, subject, before, after)"
    b" VALUES (%s, %s, %s, %s, %s, %s, %s)"
)
_FOR_HOST = (
    b"SELECT left(document, %d), generation FROM execdb.config WHERE scope = 'all'"
    b" OR scope = 'host' AND name = %%s OR scope = 'group' AND name = %%s"
    b" ORDER BY CASE scope WHEN 'host' THEN 1 WHEN 'group' THEN 2 ELSE 3 END"
) % (LENGTH_MAX + 1)  # a longer one is no config, and need not be held in memory
_HOSTS = b"""
SELECT h.host, h.host_group, (
    SELECT max(c.generation) FROM execdb.config c WHERE c.scope = 'all'
    OR c.scope = 'host' AND c.name = h.host OR c.scope = 'group' AND c.name = h.host_group),
    c.wanted, c.in_file, c.in_kernel, c.error,
    (extract(epoch FROM c.told_at) * 1000000)::bigint * 1000,
    (extract(epoch FROM clock_timestamp() - c.told_at) * 1000000)::bigint * 1000, c.shipper
FROM (SELECT DISTINCT ON (host) host, host_group FROM (
        SELECT host, host_group, told_at AS at FROM execdb.host_config UNION ALL
        SELECT host, host_group, shipped_at FROM execdb.run) known ORDER BY host, at DESC) h
LEFT JOIN execdb.host_config c ON c.host = h.host
ORDER BY h.host, c.shipper
"""
