"""The `execdb` command: its commands and the one place where errors become exit codes."""

import contextlib
import gc
import os
import sys
import threading
from functools import cache
from importlib import import_module
from typing import Annotated, Any, NoReturn

try:
    import typer
    import typer.core
    import typer.main
except (ImportError, MemoryError) as error:  # it may be installed, but memory too small
    sys.exit(f"execdb: cannot load Typer ({error or 'no memory'}): install it, or give more memory")
except KeyboardInterrupt:
    sys.exit(130)

from execdb import DEFAULT_PATH
from execdb.cli.command import Command, Root, database_of
from execdb.cli.commands.listing import COMMANDS, ROOMS, module_of
from execdb.cli.output import failures, streams
from execdb.cli.output.descriptors import replace_streams
from execdb.cli.output.progress import close_bars
from execdb.cli.output.stdout import ReaderGone
from execdb.store.errors import ExecdbError

_INTERRUPTED = 130  # the exit code
_LAST_MOMENT_S = 0.2  # for the reader of stdout, then
_FUNCTIONS = {"import": "import_"}
# Plain help: Rich would double the time of every start.
_LOOKS: dict[str, Any] = {"rich_markup_mode": None, "pretty_exceptions_enable": False}


@cache  # for what runs many in one process
def _command(name: str) -> Any:
    module = import_module(module_of(name))
    command = getattr(module, _FUNCTIONS.get(name, name), None)
    if command is None:  # a group of commands
        return typer.main.get_command(module.app)
    single = typer.Typer(add_completion=False, **_LOOKS)
    single.command(name, cls=Command, epilog=module.EXAMPLES)(command)
    return typer.main.get_command(single)


class _Commands(Root):
    """Imports a command only when it is called: this keeps the start of the others fast."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        for name in COMMANDS:  # without options; for completion and suggestions
            self.add_command(typer.core.TyperCommand(name))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        return _command(cmd_name)

    def _main_shell_completion(self, *args: Any, **options: Any) -> None:
        """Called before anything else; Typer has its own classes in place now."""
        if "_EXECDB_COMPLETE" in os.environ:
            from execdb.cli.input.completion import replace_bash_completion

            replace_bash_completion()
        super()._main_shell_completion(*args, **options)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Without importing the commands."""
        from typer._click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=text)
            for name, text in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return found or super().shell_complete(ctx, incomplete)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(map(len, COMMANDS))
        for heading, commands in ROOMS.values():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), text) for name, text in commands.items()])


EXAMPLES = """
sudo execdb collect                      # record and show, until Ctrl-C
execdb query --since 10m --failed        # what failed in the last 10 minutes
execdb query --help                      # all about a command
"""
app = typer.Typer(
    cls=_Commands,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"]},
    **_LOOKS,
)


def _version(wanted: bool) -> None:
    if wanted:
        from execdb.cli.version import versions

        print("\n".join(versions()))
        raise typer.Exit


@app.callback()
def _globals(
    context: typer.Context,
    db: Annotated[
        str,
        typer.Option(
            envvar="EXECDB_DB",
            help="The database: a file, or for most commands the postgresql:// URL of a central "
            "store. Also accepted after the command.",
            metavar="PATH_OR_URL",
        ),
    ] = DEFAULT_PATH,
    version: Annotated[
        bool,
        typer.Option(
            "-V",
            "--version",
            callback=_version,
            is_eager=True,
            help="Show versions: execdb's, and those of what it needs.",
        ),
    ] = False,
) -> None:
    """The flight recorder for programs run on a Linux machine.

    Records every start of a program (exec) in an SQLite file, and answers questions about them.

    Exit codes: 0 done; 1 it could not be done; 2 wrong usage; 3 events may be missing (--strict);
    130 interrupted. With EXECDB_DEBUG=1 in the environment an unexpected error shows a traceback.
    """
    context.obj = database_of(db)


def main() -> NoReturn:
    """The console script. Skips Python's own clean-up at exit, which takes a fifth of the time of a
    short command: everything is closed and flushed before."""
    gc.set_threshold(50_000)  # imports create many objects that stay
    failures.keep_to_lines()
    try:
        replace_streams()
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except Exception as error:  # the last resort: nothing below should let one through
        code = _last_resort(error)
    finally:
        _last_words()
    if code:  # after 0 it is flushed already
        code = _flushed(code)
    os._exit(code)


def _flushed(code: int) -> int:
    """Writes what is left for stdout, and returns the exit code: an error does not change it. After
    an interrupt nobody may read any more, so the reader gets a moment only."""
    try:
        if code == _INTERRUPTED:
            rest = threading.Thread(target=_flush, daemon=True)
            rest.start()
            rest.join(_LAST_MOMENT_S)
        else:
            _flush()
    except (KeyboardInterrupt, RuntimeError):  # a second Ctrl-C; no thread can be started
        return _INTERRUPTED
    return code


def _flush() -> None:
    with contextlib.suppress(OSError, ValueError, ReaderGone):
        sys.stdout.flush()


def _last_resort(error: Exception) -> int:
    """Also if there is not enough memory left to say so in the usual way."""
    try:
        return _fail(failures.unexpected(error), 1)
    except (MemoryError, SystemError):
        os.write(2, failures.NO_MEMORY)
        return 1


def _last_words() -> None:
    """A recorder's stderr never blocks: gives it a moment to write what is queued."""
    words = getattr(sys.stderr, "last_words", None)
    if words is not None:
        with contextlib.suppress(KeyboardInterrupt):
            words()


def run(arguments: list[str]) -> int:
    """Runs a command and returns its exit code. Every expected error becomes one line on stderr."""
    streams.set_up()
    try:
        code = _called(arguments or ["--help"])
        if code != _INTERRUPTED:  # so Typer says it
            sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except ExecdbError as error:
        return _fail(str(error), error.exit_code)
    except typer.TyperException as error:  # wrong usage, found by Typer
        return _fail(_usage(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _INTERRUPTED
    except (ReaderGone, BrokenPipeError):  # as in `execdb query | head`
        return _abandon_stdout()
    except OSError as error:  # a full disk under stdout, a vanished terminal
        if error.filename is None:
            _abandon_stdout()
        return _fail(failures.reason(error), 1)


def _called(arguments: list[str]) -> Any:
    try:
        return app(arguments, standalone_mode=False, prog_name="execdb")
    finally:
        close_bars()


def _usage(error: typer.TyperException) -> str:
    """Typer's sentence, and which help explains it."""
    context = getattr(error, "ctx", None)
    command = "execdb" if context is None else context.command_path
    near = getattr(error, "possibilities", None)
    sentence = error.format_message().strip() if near is None else error.message
    hint = f": did you mean {' or '.join(sorted(near))}?" if near else ""
    return f"{sentence.removesuffix('.')}{hint} (see {command} --help)"


def _fail(sentence: str, code: int) -> int:
    streams.say(f"execdb: {failures.shortened(sentence.strip())}")
    return code


def _abandon_stdout() -> int:
    """Nobody reads stdout: later writes, such as those at exit, must not fail."""
    with open(os.devnull, "w") as sink:
        os.dup2(sink.fileno(), 1)
    return 0
