"""execdb config: messages, rules, limits, the log of their changes, and all of it as a file."""

from execdb.cli.command import Command
from execdb.cli.commands.config import document, hosts, limits, log, messages, rules, try_
from execdb.cli.commands.config.group import app
from execdb.cli.commands.config.scope import ConfigCommand

__all__ = ["app", "limits", "messages", "rules"]

app.command("try", cls=Command, epilog=try_.EXAMPLES)(try_.try_)
app.command("export", cls=ConfigCommand, epilog=document.EXPORT_EXAMPLES)(document.export)
app.command("apply", cls=ConfigCommand, epilog=document.APPLY_EXAMPLES)(document.apply)
app.command("log", cls=Command, epilog=log.EXAMPLES)(log.log)
app.command("hosts", cls=Command, epilog=hosts.EXAMPLES)(hosts.hosts)
