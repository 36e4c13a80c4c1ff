"""execdb upgrade: brings a file up to date, or makes the schema of a central store."""

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from execdb.cli.output.escape import escape
from execdb.cli.output.interrupts import ends_as_interrupt
from execdb.cli.output.progress import reported
from execdb.store.central.url import CentralUrl
from execdb.store.errors import ExecdbError

if TYPE_CHECKING:
    from execdb.store.file.database import Database

EXAMPLES = """
sudo execdb upgrade                      # the default database
execdb upgrade --db copy.db
execdb upgrade --db postgresql://db.example/history  # a central store
execdb upgrade --print-roles | psql -h db.example history  # by a DBA
"""


def upgrade(
    context: typer.Context,
    print_roles: Annotated[
        bool,
        typer.Option(
            "--print-roles",
            help="Print the SQL by which a DBA makes the roles and the schema of a central store, "
            "if your login may not make roles.",
        ),
    ] = False,
) -> None:
    """Bring a database of an older execdb up to date.

    Copies it first, to a file next to it, and keeps the last two of such copies. execdb collect
    does the same when it starts; no other command changes an older database. With the URL of a
    central store it makes the schema there, or brings it up to date.
    """
    if print_roles:
        from execdb.store.central.tables import ddl

        print("\n".join(f"{statement};" for statement in ddl.roles(join=False)))
        print(ddl.EXAMPLE_LOGINS, end="")
    elif isinstance(context.obj, CentralUrl):
        _upgrade_central(context.obj)
    else:
        with ends_as_interrupt():
            _upgrade_file(context.obj)


def _upgrade_central(url: CentralUrl) -> None:
    from execdb.store.central.connection import REVISION
    from execdb.store.central.tables import upgrade as central

    found = central.upgrade(url)
    before = {None: "new", REVISION: "as before"}.get(found, f"{found} before")
    print(f"{escape(str(url))} is up to date (revision {REVISION}, {before})")


def _upgrade_file(path: Path) -> None:
    from execdb.store.file import upgrade as store
    from execdb.store.schema.definition import REVISION

    with store.opened_for_upgrade(path) as (database, found):
        if found == REVISION:
            print(f"{escape(str(path))} is up to date (revision {REVISION})")
            return
        started_s = time.monotonic()
        _upgrade_opened(path, database, found)
    print(
        f"{escape(str(path))} is up to date (revision {found} before, {REVISION} now), "
        f"in {time.monotonic() - started_s:.1f} s"
    )


def _upgrade_opened(path: Path, database: "Database", found: str) -> None:
    from execdb.store.file import upgrade as store
    from execdb.store.file.copies.beside import remove_old
    from execdb.store.file.locks.collector_lock import CollectorLock, collector_pid
    from execdb.store.schema.definition import REVISION

    pid = collector_pid(path)
    if pid is not None:
        raise ExecdbError(f"a collector (pid {pid}) records to {path}: stop it, then upgrade")
    with contextlib.closing(CollectorLock(path)):  # none may start meanwhile
        if database.verify_schema() == REVISION:  # another process was faster
            return
        started_s = time.monotonic()
        with reported("copying", "pages") as report:
            copy = store.copy_of(database, found, time.time(), report)
        try:
            print(
                f"{escape(str(copy))} is a copy as it was (revision {found}), "
                f"made in {time.monotonic() - started_s:.1f} s",
                flush=True,
            )
            store.upgrade(database)
        except BaseException:  # or a service that is started again and again fills the disk
            _remove_needless(copy, path, found)
            raise
        for old in remove_old(path):
            print(f"{escape(str(old))} was removed, the copy of an earlier upgrade")


def _remove_needless(copy: Path, path: Path, found: str) -> None:
    """Removes the copy if the database still has the revision that was `found`."""
    from execdb.store.file import upgrade as store
    from execdb.store.file.copies.beside import remove

    with contextlib.suppress(ExecdbError, OSError):
        # Opened again: SQLAlchemy closes a connection whose use was interrupted.
        with store.opened_for_upgrade(path) as (_, now):
            pass
        if now == found:
            remove(copy)
            print(f"{escape(str(copy))} was removed: nothing was upgraded", flush=True)
