"""What commands share that change the config: the tables, opened, and the answer when the kernel
has the change."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from execdb.cli.commands.config.scope import scope_of
from execdb.cli.output.escape import escape
from execdb.store.central.url import CentralUrl
from execdb.store.errors import ExecdbError

if TYPE_CHECKING:
    from execdb.store.config.snapshot import Config
    from execdb.store.config.table import ConfigTable

_CONFIRMED_WITHIN_S = 2.0


@contextmanager
def config_table(context: typer.Context, *, create: bool = False) -> Iterator["ConfigTable"]:
    """The config table of a database, or of a central store, opened for one command."""
    scope = scope_of(context)
    if isinstance(context.obj, CentralUrl):
        from execdb.cli.commands.config.central import central_table

        with central_table(context.obj, scope) as central:
            yield central
        return
    from execdb.cli.input.who import who_am_i
    from execdb.store.config.table import ConfigTable
    from execdb.store.file.database import open_database

    with open_database(context.obj, create=create) as database:
        yield ConfigTable(database, who_am_i())


def report(path: Path | CentralUrl, table: "ConfigTable", generation: int, what: str) -> None:
    """Reports a change. While a collector runs, waits until the kernel has it; raises ExecdbError
    after 2 s."""
    print(f"{escape(what)} ({whereabouts(path, table, generation, what)})")


def whereabouts(path: Path | CentralUrl, table: "ConfigTable", generation: int, what: str) -> str:
    """Whether the kernel has this generation, for which it waits while a collector runs. Raises
    ExecdbError after 2 s. Of a central store: writes it back there."""
    if isinstance(path, CentralUrl):
        from execdb.cli.commands.config.central import CentralTable

        assert isinstance(table, CentralTable)
        return table.save()
    from execdb.store.file.locks.collector_lock import collector_pid

    deadline_s = time.monotonic() + _CONFIRMED_WITHIN_S
    while (pid := collector_pid(path)) is not None:
        if table.in_kernel() >= generation:
            return "in the kernel"
        if time.monotonic() > deadline_s:
            raise ExecdbError(
                f"{what}: saved, but the collector (pid {pid}) has not put it into the kernel "
                f"within {_CONFIRMED_WITHIN_S:.0f} s: see execdb status"
            )
        time.sleep(0.01)
    return "saved; takes effect at the next collect"


def refused_of(config: "Config") -> dict[str, list[dict[str, object]]]:
    """For JSON: what cannot be put into the kernel, if there is anything."""
    refused: list[dict[str, object]] = [
        {"uid": each.uid, "why": each.why} for each in config.refused
    ]
    return {"refused": refused} if refused else {}
