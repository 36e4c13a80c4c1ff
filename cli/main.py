"""The `execdb` command: its commands and the one place where errors become exit codes."""

import io
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from execdb.cli import collect, config, coverage, doctor, query, replay, status, transfer, tree
from execdb.cli.escape import escape
from execdb.cli.options import DEFAULT_DB
from execdb.cli.output import ReaderGone
from execdb.cli.version import VERSION
from execdb.store.errors import ExecdbError

app = typer.Typer(
    rich_markup_mode=None,  # plain help: Rich would double the time of every start
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("collect")(collect.collect)
app.command("query")(query.query)
app.command("replay")(replay.replay)
app.command("tree")(tree.tree)
app.add_typer(config.app, name="config")
app.command("import")(transfer.import_)
app.command("status")(status.status)
app.command("coverage")(coverage.coverage)
app.command("doctor")(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"execdb {VERSION}")
        raise typer.Exit


@app.callback()
def _globals(
    context: typer.Context,
    db: Annotated[
        Path,
        # readable: whether it is, each command says for itself
        typer.Option(envvar="EXECDB_DB", help="The database file.", metavar="PATH", readable=False),
    ] = DEFAULT_DB,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """The flight recorder for programs run on a Linux machine."""
    if not db.name:
        raise typer.BadParameter("the path of the database is empty", param_hint="--db")
    context.obj = db


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs a command; whatever ends it becomes one line on stderr and an exit code."""
    _mend_streams()
    try:
        code = app(arguments or ["--help"], standalone_mode=False, prog_name="execdb")
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except ExecdbError as error:
        return _fail(str(error), error.exit_code)
    except typer.TyperException as error:  # wrong usage, found by Typer
        return _fail(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except (ReaderGone, BrokenPipeError):  # the reader has what it wanted
        return _abandon_stdout()
    except OSError as error:  # a full disk under stdout, a vanished terminal
        if error.filename is None:
            _abandon_stdout()
        where = "" if error.filename is None else f"{error.filename}: "
        return _fail(f"{where}{error.strerror or error}", 1)


def _mend_streams() -> None:
    """Streams that are closed from the start read and write nothing; text that the terminal's
    encoding lacks is escaped."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _fail(sentence: str, code: int) -> int:
    try:
        print(f"execdb: {escape(sentence.strip())}", file=sys.stderr)
    except OSError:
        _abandon_stdout()
    return code


def _abandon_stdout() -> int:
    """Nothing more can be written; keeps Python's exit from complaining about it."""
    with open(os.devnull, "w") as sink:
        os.dup2(sink.fileno(), 1)
    return 0
