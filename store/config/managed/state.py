"""Whether the config comes from a central store, and which generation of it is in the file, and in
the kernel. While it does, nobody else changes it."""

from sqlite3 import Connection
from typing import NamedTuple

from execdb.store.errors import ExecdbError
from execdb.store.file.sql import scalar

CENTRAL = "central"  # the action of a change that came from there


class Managed(NamedTuple):
    """`store` is the URL without password. Generations are the store's: the one in the file, and
    the one that a collector has confirmed (None: it runs with a config from before)."""

    store: str
    in_file: int
    in_kernel: int | None


def managed(connection: Connection) -> Managed | None:
    """None if the config is the file's own."""
    row = connection.execute(_LATEST).fetchone()
    if row is None:
        return None
    kernel = scalar(connection, _IN_KERNEL)
    return Managed(str(row[0]), int(row[1]), None if kernel is None else int(kernel))


def require_own(connection: Connection) -> None:
    """Raises ExecdbError if the config comes from a central store."""
    found = managed(connection)
    if found is not None:
        raise ExecdbError(
            f"the config of this machine comes from {found.store}: change it there, with "
            "execdb config and --db URL"
        )


_LATEST = (
    "SELECT store, central_generation FROM managed WHERE typeof(store) = 'text'"
    " AND typeof(central_generation) = 'integer' ORDER BY generation DESC LIMIT 1"
)
_IN_KERNEL = (
    "SELECT max(central_generation) FROM managed WHERE typeof(central_generation) = 'integer'"
    " AND generation <= (SELECT kernel_generation FROM config_state)"
)
