"""For whom a config of a central store is: the options --group and --host of the commands."""

from typing import TYPE_CHECKING, Any

import typer
import typer.core

from execdb.cli.command import Command
from execdb.store.central.url import CentralUrl
from execdb.store.errors import UsageError

if TYPE_CHECKING:
    from execdb.store.central.config.documents import Scope

_SCOPE = "execdb.config.scope"  # where a context has what was given


class ConfigCommand(Command):
    """Has the options that say for whom a config of a central store is."""

    def __init__(self, *args: Any, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        for kind, text in (("group", "this group of hosts"), ("host", "this host")):
            option = typer.core.TyperOption(
                param_decls=[f"--{kind}"],
                help=f"With the URL of a central store: the config of {text}, not of all.",
                metavar="NAME",
                callback=_note,
                expose_value=False,
            )
            self.params.insert(-1, option)


def _note(context: Any, option: Any, given: str | None) -> None:
    """Typer's callback."""
    if given is not None:
        context.meta.setdefault(_SCOPE, {})[option.name] = given


def scope_of(context: typer.Context) -> "Scope":
    """Raises UsageError."""
    from execdb.store.central.config.documents import Scope

    given = context.meta.get(_SCOPE, {})
    if not given:
        return Scope()
    if not isinstance(context.obj, CentralUrl):
        raise UsageError("--group and --host go with --db URL: a file has the config of one host")
    if len(given) > 1:
        raise UsageError("give --group or --host, not both")
    kind, name = next(iter(given.items()))
    if not (0 < len(name) <= 255 and name.isprintable()):
        raise UsageError(f"--{kind} is a name of 1 to 255 printable characters")
    return Scope(kind, name)
