"""execdb service restart: the service begins anew, and no exec is missed."""

from pathlib import Path

import typer

from execdb.cli.output.streams import say
from execdb.store.errors import DatabaseError, DatabaseOutdated, ExecdbError

EXAMPLES = """
sudo execdb service restart
execdb coverage --since 10m              # nothing is missing
"""


def restart(context: typer.Context) -> None:
    """Start the service again without a gap: after an update, or for options that need a start.

    The new collector starts beside the old one, then makes it end. If it does not start, the old
    one continues to record. Only if the new version has another schema nothing is recorded between
    the end of the old one and the start of the new one, which upgrades the database; likewise if
    the service has another database than before.
    """
    from execdb.cli.service import systemd
    from execdb.cli.service.running import handover

    systemd.require_rights()
    if systemd.properties()["LoadState"] == "not-found":
        raise ExecdbError("the service is not installed: sudo execdb service install")
    if _is_outdated(context.obj):
        say("this version has another schema: the old collector ends before the new one starts")
        handover.restart_with_a_gap(say)
        return
    if not _records_to(context.obj):
        say(f"the service records to another database than {context.obj}: it ends before it starts")
        handover.restart_with_a_gap(say)
        return
    if not handover.takes_over():
        raise ExecdbError(
            "the unit has no --take-over: execdb service install adds it, unless you have changed "
            "the unit; systemctl restart execdb leaves a gap"
        )
    handover.restart(say)


def _records_to(database: Path) -> bool:
    """Whether that is the database of the service that runs, if one does: the new collector could
    not take over from it otherwise."""
    from execdb.cli.service import systemd
    from execdb.store.file.locks.collector_lock import collector_pid

    found = systemd.properties()
    return found["ActiveState"] != "active" or collector_pid(database) == int(found["MainPID"])


def _is_outdated(database: Path) -> bool:
    from execdb.store.file.database import open_database

    try:
        open_database(database).close()
    except DatabaseOutdated:
        return True
    except DatabaseError:  # the start says what is wrong
        pass
    return False
