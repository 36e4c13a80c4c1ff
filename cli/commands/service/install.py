"""execdb service install: the unit, its user, its options, man pages and completion."""

import copy
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from execdb.cli.command import Command
from execdb.cli.input.options.shared import bounds_of
from execdb.cli.output.streams import say
from execdb.cli.service.options_file import option_name
from execdb.store.errors import ExecdbError, UsageError

if TYPE_CHECKING:
    from execdb.cli.service.plan import File
    from execdb.store.central.url import CentralUrl

EXAMPLES = """
sudo execdb service install
execdb service install --print           # what would be written
sudo execdb service install --keep 90d --max-size 10GB --redact
sudo execdb service install --ship-to postgresql://web1@db.example/history
"""
_OF_COLLECT = ("keep", "max-size", "min-free", "attempts", "group", "ring-pages", "redact", "btf")
_DEFAULTS = {"keep": "30d", "max-size": "2GB", "group": "execdb"}
_GIVEN = "execdb.service.options"  # where a context has them
_FROM_DEFAULTS = ("DEFAULT", "DEFAULT_MAP")


class InstallCommand(Command):
    """Has the options of `collect` that a service may have."""

    def __init__(self, *args: Any, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        from execdb.cli.commands.recorder.collect import collect

        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command()(collect)
        theirs = {option_name(each): each for each in typer.main.get_command(single).params}
        own = [_as_own(name, theirs[name]) for name in _OF_COLLECT]
        self.params = [*own, *self.params]


def _as_own(name: str, theirs: Any) -> Any:
    option = copy.copy(theirs)
    option.expose_value, option.callback = False, _note
    if name in _DEFAULTS:
        option.show_default = _DEFAULTS[name]
    return option


def _note(context: Any, option: Any, value: Any) -> None:
    """Typer's callback: remembers what was given."""
    source = context.get_parameter_source(option.name)
    if source is not None and source.name not in _FROM_DEFAULTS:
        given = context.meta.setdefault(_GIVEN, {})
        given[option_name(option)] = str(value) if isinstance(value, Path) else value


def install(
    context: typer.Context,
    ship_to: Annotated[
        str | None,
        typer.Option(
            "--ship-to",
            help="Also copy the history to this central store, by a second unit.",
            metavar="URL",
        ),
    ] = None,
    ship_config: Annotated[
        bool,
        typer.Option(
            "--ship-config",
            help="With --ship-to: also take the config of this host from the central store.",
        ),
    ] = False,
    print_: Annotated[
        bool, typer.Option("--print", help="Show what would be written, and change nothing.")
    ] = False,
) -> None:
    """Record from now on and after each boot, as a service of systemd.

    Creates the user execdb, /var/lib/execdb, /etc/execdb.toml with every option, execdb.service,
    man pages and completion. The options go into /etc/execdb.toml. Called again, it updates the
    files that are as it wrote them; files that somebody has changed since stay as they are.

    With --ship-to, execdb-ship.service copies the history to a central store, as a user of its own
    that may only read it. The password of the URL, or of PGPASSWORD, goes into
    /etc/execdb-ship.pgpass (mode 0600), not into the unit. With --ship-config it runs as the user
    execdb, and brings the messages, rules and limits from there.
    """
    from execdb.cli.service import plan

    given = context.meta.get(_GIVEN, {})
    bounds_of(given.get("keep"), given.get("max-size"))
    _require_place(context.obj)
    if given.get("attempts"):
        _require_kprobes()
    files = plan.files(given, context.obj)
    if ship_config and ship_to is None:
        raise UsageError("--ship-config goes with --ship-to URL")
    second = None if ship_to is None else _forwarder(ship_to, context.obj, ship_config)
    if print_:
        _print([*files, *(second[1] if second else ())])
        return
    from execdb.cli.service import safe_code, systemd
    from execdb.cli.service.installing import apply

    systemd.require_rights()
    safe_code.require_safe_code()
    _require_bcc()
    apply(files, context.obj, say)
    if second is not None:
        from execdb.cli.service.forwarder import installing
        from execdb.cli.service.forwarder.plan import user_of

        installing.apply(second[1], second[0], user_of(ship_config), say)


def _forwarder(ship_to: str, database: Path, config: bool) -> "tuple[CentralUrl, list[File]]":
    from execdb.cli.service.forwarder import plan

    url, password = plan.url_of(ship_to, os.environ.get("PGPASSWORD"))
    return url, plan.files_for(url, database, password, config=config)


def _require_place(database: Path) -> None:
    from execdb.cli.service.unit import is_hidden

    if not database.is_absolute() or is_hidden(database) or database.is_relative_to("/tmp"):
        raise UsageError(
            f"the service cannot write to {database}: give a whole path outside of home "
            "directories and /tmp"
        )


def _require_kprobes() -> None:
    from execdb.bpf.program import have_kprobes

    if not have_kprobes():
        raise ExecdbError(
            "this kernel has no kprobes, and the service may not use tracepoints: leave out "
            "--attempts, or run sudo execdb collect --attempts"
        )


def _require_bcc() -> None:
    from execdb.bpf.loading.interpreters import find_bcc

    found = find_bcc()
    if not found.ok:
        raise ExecdbError(found.fix)


def _print(files: Any) -> None:
    for file in files:
        if file.shown:
            note = " (yours: it stays as it is)" if file.kept else ""
            print(f"# {file.path}{note}\n{file.text}")
    for path in sorted(file.path for file in files if not file.shown):
        print(f"# {path}")
