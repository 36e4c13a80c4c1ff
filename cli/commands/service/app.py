"""The group `execdb service`."""

import typer

from execdb.cli.command import Command, Group
from execdb.cli.commands.service import install, restart, status, uninstall

app = typer.Typer(
    cls=Group,
    add_completion=False,
    rich_markup_mode=None,
    help="Install, check, restart and remove a systemd service that records.",
    epilog="""
sudo execdb service install              # from now on, and after each boot
execdb service status
sudo execdb service restart              # after an update: no exec is missed
sudo execdb service uninstall            # keeps the history
""",
)
app.command("install", cls=install.InstallCommand, epilog=install.EXAMPLES)(install.install)
app.command("restart", cls=Command, epilog=restart.EXAMPLES)(restart.restart)
app.command("status", cls=Command, epilog=status.EXAMPLES)(status.status)
app.command("uninstall", cls=Command, epilog=uninstall.EXAMPLES)(uninstall.uninstall)
