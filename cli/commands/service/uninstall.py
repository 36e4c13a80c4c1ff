"""execdb service uninstall: removes what `service install` has written."""

from typing import Annotated

import typer

from execdb.cli.output.streams import say

EXAMPLES = """
sudo execdb service uninstall            # keeps the history
sudo execdb service uninstall --purge    # removes it
"""


def uninstall(
    context: typer.Context,
    purge: Annotated[
        bool,
        typer.Option(
            "--purge",
            help="Also remove the recorded history, and the files that you have changed.",
        ),
    ] = False,
) -> None:
    """Stop the service, and remove what `execdb service install` has written.

    The history stays, and with it the user execdb, to whom it belongs. Files that you have changed
    stay as well; their names are printed.
    """
    from execdb.cli.service import installing, systemd
    from execdb.cli.service.forwarder import installing as forwarder
    from execdb.cli.service.running import handover
    from execdb.store.file.copies.removal import require_ours

    systemd.require_rights()
    if purge:
        require_ours(context.obj)
    handover.stop_handover()
    forwarder.remove(purge=purge, say=say)
    installing.remove(context.obj, purge=purge, say=say)
