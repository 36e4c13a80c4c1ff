"""What all commands share: `--db` after their name, and examples at the end of their help."""

from pathlib import Path
from typing import Any

import typer
import typer.core


def database_path(text: str) -> Path:
    """The path given with --db. Raises typer.BadParameter if it cannot be that of a file."""
    path = Path(text)
    if not path.name:
        raise typer.BadParameter(f"{text!r} is not the path of a file", param_hint="--db")
    return path


def _use(context: Any, _: Any, given: str | None) -> None:
    """Typer's callback: replaces the --db before the command, and EXECDB_DB, also for commands
    below this one."""
    if given is not None:
        context.obj = database_path(given)


class _Shared:
    """A mixin for the classes of Typer's commands."""

    params: list[Any]
    epilog: str | None

    def take_db(self) -> None:
        """Adds --db as the last option, so it is called after the command has its own."""
        option = typer.core.TyperOption(
            param_decls=["--db"],
            help="Same as --db before the command.",
            metavar="PATH",
            callback=_use,
            expose_value=False,
        )
        self.params.append(option)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples, one a line, without wrapping."""
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.strip().splitlines():
                    formatter.write(f"  {line}\n")


class Command(_Shared, typer.core.TyperCommand):
    """A command of execdb; its examples are the `epilog`, a line each."""

    def __init__(self, *args: Any, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.take_db()


class Group(_Shared, typer.core.TyperGroup):
    """A command with commands of its own."""

    def __init__(self, *args: Any, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.take_db()


class Root(_Shared, typer.core.TyperGroup):
    """`execdb` itself, which has the option --db with its default."""
