"""What all commands share: `--db` in any place, defaults from files, and examples at the end of
their help."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer
import typer.core

from execdb.cli.commands.listing import CENTRAL
from execdb.cli.input.option_files import REDACT, Given, OptionFiles, read_option_files
from execdb.store.central.url import CentralUrl, is_central
from execdb.store.errors import ExecdbError, UsageError

_FILES = "execdb.option_files"  # where a context has them
_ARGUMENTS = "execdb.arguments"  # where it has those of each command, from execdb itself on
_WITHOUT_FILES = {"-h", "--help", "-V", "--version"}
_NEVER_IN_FILES = {"help", "version"}
# What a mistyped command may stand for: nothing that writes to a database.
_SUGGESTED = {
    *("query", "tree", "stats", "timeline", "new", "sql", "replay", "compare", "web", "export"),
    *("status", "coverage", "doctor", "service", "config", "get", "list", "rules", "log", "try"),
}


def database_of(text: str) -> Path | CentralUrl:
    """The file, or the central store, given with --db. Raises typer.BadParameter."""
    return CentralUrl(text) if is_central(text) else database_path(text)


def database_path(text: str) -> Path:
    """The path of a file. Raises typer.BadParameter if it cannot be that of a file."""
    if is_central(text):
        url = CentralUrl(text)
        raise typer.BadParameter(f"{url} is a central store, and a file is needed here")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        raise typer.BadParameter(
            "--db is the path of a file, or a URL that begins with postgresql://"
        )
    path = Path(text)
    if not path.name:
        raise typer.BadParameter(f"{text!r} is not the path of a file", param_hint="--db")
    return path


def option_files(context: Any) -> OptionFiles:
    """The files of defaults, as they were read at the start."""
    found = context.meta.get(_FILES)
    return found if isinstance(found, OptionFiles) else OptionFiles({})


def parsed_again(context: Any, files: OptionFiles) -> Any:
    """A new context of a running command: how its arguments would be understood with other files
    of defaults. What was given on the command line wins again. Raises UsageError and Typer's
    exceptions."""
    arguments = context.meta[_ARGUMENTS][len(_words(context))]
    if context.parent is None:
        root = context.command.make_context(context.info_name, [*arguments], obj=files)
        root.obj = database_path(root.params["db"])
        return root
    parent = parsed_again(context.parent, files)
    return context.command.make_context(context.info_name, [*arguments], parent=parent)


def _use(context: Any, _: Any, given: str | None) -> None:
    """Typer's callback: replaces the --db before the command, and EXECDB_DB, also for commands
    below this one."""
    if given is not None:
        context.obj = database_of(given)


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

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """With defaults from files. Raises UsageError where one is wrong."""
        ctx.meta.setdefault(_ARGUMENTS, {})[len(_words(ctx))] = [*args]
        given = self._given(ctx)
        ctx.default_map = {
            name: self._value(param, name, each) for name, (param, each) in given.items()
        }
        try:
            rest: list[str] = super().parse_args(ctx, args)  # type: ignore[misc]
        except typer.BadParameter as error:
            name = getattr(error.param, "name", None)
            if name in given and _from_file(ctx, name):
                raise UsageError(f"{given[name][1].place}: {error.message}") from None
            raise
        return rest

    def _given(self, ctx: Any) -> dict[str, tuple[Any, Given]]:
        """The parameters that a file gives a default, by their names in Python, and the value."""
        words = _words(ctx)
        if not isinstance(self, typer.core.TyperGroup):
            for table in option_files(ctx).below(words):
                raise UsageError(f"{table.place}: {words[-1]} has no commands of its own")
        options = {name: param for param in self.params for name in _names(param)}
        if words:
            options.pop("db", None)  # it stands above all tables
        found = {}
        for key, given in option_files(ctx).options(words).items():
            if key not in options:
                near = get_close_matches(key, options, n=1)
                hint = f": did you mean {near[0]}?" if near else ""
                raise UsageError(f"{given.place}: there is no such option{hint}")
            param = options[key]
            found[param.name] = (param, Given((key, given.value), given.place))
        return found

    def _value(self, param: Any, name: str, given: Given) -> Any:
        key, value = given.value
        if param.is_flag:
            if not isinstance(value, bool):
                raise UsageError(f"{given.place}: give true or false")
            return value is (f"--{key}" in param.opts)
        values = value if isinstance(value, list) and param.multiple else [value]
        if not all(isinstance(v, str | int | float) and not isinstance(v, bool) for v in values):
            raise UsageError(f"{given.place}: give a text or a number")
        return list(map(str, values)) if param.multiple else str(value)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples, one a line, without wrapping."""
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.strip().splitlines():
                    formatter.write(f"  {line}\n")


def _from_file(ctx: Any, name: str) -> bool:
    """Whether the parameter has the value that a file of defaults gave it."""
    return bool(ctx.get_parameter_source(name).name == "DEFAULT_MAP")


def _words(ctx: Any) -> tuple[str, ...]:
    """The words that name a command: `("config", "set")`; of execdb itself none."""
    words: list[str] = []
    while ctx.parent is not None:
        words.insert(0, ctx.info_name)
        ctx = ctx.parent
    return tuple(words)


def _names(param: Any) -> Iterator[str]:
    """The long names of an option, without dashes."""
    if param.param_type_name == "option":
        names = (*param.opts, *param.secondary_opts)
        yield from {name[2:] for name in names if name.startswith("--")} - _NEVER_IN_FILES


class Command(_Shared, typer.core.TyperCommand):
    """A command of execdb; its examples are the `epilog`, a line each."""

    def invoke(self, ctx: Any) -> Any:
        """Raises UsageError where --db is the URL of a central store and this works on a file; an
        error about an option that a file of defaults gave names the file."""
        words = " ".join(_words(ctx))
        if isinstance(ctx.obj, CentralUrl) and words not in CENTRAL:
            raise UsageError(
                f"execdb {words} works on a file, and --db is {ctx.obj}: give the path of a file"
            )
        try:
            return super().invoke(ctx)
        except ExecdbError as error:
            given = self._given(ctx).get((error.option or "").replace("-", "_"))
            if given is None or not _from_file(ctx, given[0].name):
                raise
            raise type(error)(f"{given[1].place}: {error}") from None

    def __init__(self, *args: Any, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.take_db()


class _Commands(_Shared):
    """What has commands."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """With a hint for an unknown one, which never leads to a command that writes."""
        if args and not ctx.resilient_parsing and args[0] not in self.list_commands(ctx):  # type: ignore[attr-defined]
            known = [name for name in self.list_commands(ctx) if name in _SUGGESTED]  # type: ignore[attr-defined]
            near = get_close_matches(args[0], known, n=1)
            hint = f": did you mean {near[0]}?" if near else ""
            ctx.fail(f"There is no command {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)  # type: ignore[misc]


class Group(_Commands, typer.core.TyperGroup):
    """A command with commands of its own. Without one it prints its help."""

    def __init__(self, *args: Any, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.take_db()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            print(ctx.get_help())
            ctx.exit()
        _require_known(ctx, self.list_commands(ctx))
        return super().parse_args(ctx, args)


class Root(_Commands, typer.core.TyperGroup):
    """`execdb` itself, which has the option --db with its default, and reads the files."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing and not _WITHOUT_FILES & {*args}:
            again = isinstance(ctx.obj, OptionFiles)  # see `parsed_again`
            ctx.meta[_FILES] = ctx.obj if again else read_option_files()
            _require_known(ctx, [*self.list_commands(ctx), REDACT])
        return super().parse_args(ctx, args)


def _require_known(ctx: Any, commands: list[str]) -> None:
    """Raises UsageError for a table of a command that there is not."""
    for given in option_files(ctx).below(_words(ctx)):
        if given.value not in commands:
            near = get_close_matches(given.value, commands, n=1)
            hint = f": did you mean [{near[0]}]?" if near else ""
            raise UsageError(f"{given.place}: there is no such command{hint}")
