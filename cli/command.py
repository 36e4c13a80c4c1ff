"""What all commands share: `--db` also behind their name, and examples at the end of their help."""

from pathlib import Path
from typing import Any

import typer
import typer.core


def database_path(text: str | Path) -> Path:
    """The path given with --db. Raises typer.BadParameter where it is empty."""
    path = Path(text)
    if not path.name:
        raise typer.BadParameter("the path of the database is empty", param_hint="--db")
    return path


def _use(context: Any, _: Any, given: str | None) -> None:
    """Replaces what stands before the command's name, and EXECDB_DB. Commands below it inherit."""
    if given is not None:
        context.obj = database_path(given)


class _Shared:
    """For classes of Click's commands: they call these methods."""

    params: list[Any]
    epilog: str | None

    def take_db(self) -> None:
        """To be called once the command has its own options: this one is the last."""
        option = typer.core.TyperOption(
            param_decls=["--db"],
            help="The database, as before the command.",
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
