"""Every command with its options, as Typer knows them: the one source of help, man pages and the
file of options. Imports all commands."""

from collections.abc import Iterator
from typing import Any, NamedTuple


class Described(NamedTuple):
    """A command: the words after `execdb`, and Typer's object and context for it."""

    words: tuple[str, ...]
    command: Any
    context: Any


def every_command() -> Iterator[Described]:
    """execdb itself first, each group before its commands."""
    import typer.main

    from execdb.cli.main import app

    root = typer.main.get_command(app)
    yield from _below((), root, _context(root, "execdb", None))


def _below(words: tuple[str, ...], command: Any, context: Any) -> Iterator[Described]:
    yield Described(words, command, context)
    if hasattr(command, "list_commands"):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            yield from _below((*words, name), found, _context(found, name, context))


def _context(command: Any, name: str, parent: Any) -> Any:
    return command.make_context(name, [], parent=parent, resilient_parsing=True)
