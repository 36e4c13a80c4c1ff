"""execdb upgrade: converts a database of an older execdb."""

import contextlib

import typer

from execdb.cli.output.escape import escape
from execdb.store.errors import ExecdbError

EXAMPLES = """
sudo execdb upgrade                      # the default database
execdb upgrade --db copy.db
"""


def upgrade(context: typer.Context) -> None:
    """Bring a database of an older execdb up to date.

    Copies it first, to a file next to it. No other command changes an older database.
    """
    from execdb.store.file import upgrade as store
    from execdb.store.file.collector_lock import CollectorLock, collector_pid
    from execdb.store.schema.definition import REVISION

    path = context.obj
    with store.opened_for_upgrade(path) as (database, found):
        if found == REVISION:
            print(f"{escape(str(path))} is up to date (revision {REVISION})")
            return
        pid = collector_pid(path)
        if pid is not None:
            raise ExecdbError(f"a collector (pid {pid}) records to {path}: stop it, then upgrade")
        with contextlib.closing(CollectorLock(path)):  # none may start meanwhile
            copy = store.copy_of(database)
            print(f"{escape(str(copy))} is a copy as it was (revision {found})", flush=True)
            store.upgrade(database)
    print(f"{escape(str(path))} is up to date (revision {found} before, {REVISION} now)")
