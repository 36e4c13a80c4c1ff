"""execdb config set, get, list, unset, default: which user gets which message."""

import json
from typing import Annotated

import typer

from execdb.cli.commands.config.changed import config_table, refused_of, report
from execdb.cli.commands.config.group import TAKES_MINUS, User, Users, app
from execdb.cli.commands.config.scope import ConfigCommand
from execdb.cli.input.formats import ReportFormat
from execdb.cli.input.options.shared import as_recorded
from execdb.cli.output.counted import counted
from execdb.cli.output.escape import escape
from execdb.store.config.entry import NoEntry, check_message
from execdb.store.errors import ExecdbError, UsageError
from execdb.store.terms.users import uid_of

Format = Annotated[ReportFormat, typer.Option(help="How to show it.")]


@app.command(
    "set",
    cls=ConfigCommand,
    context_settings=TAKES_MINUS,
    epilog="""
execdb config set 0 'Hey root!'
execdb config set alice 'Hi Alice!'
execdb config set -                      # UID MESSAGE a line, from stdin
""",
)
def set_(
    context: typer.Context,
    uid: Users,
    message: Annotated[
        str | None,
        typer.Argument(help="At most 12 bytes of UTF-8, no control characters.", metavar="MESSAGE"),
    ] = None,
) -> None:
    """Set the message of a user, or of many.

    With `-` instead of UID, stdin has lines `UID MESSAGE` or `default MESSAGE`, as `config list`
    prints them. All are one change, one generation; with an error in one nothing is changed.
    While a collector runs, this waits until the kernel has it, at most 2 seconds.
    """
    if uid == "-":
        _set_many(context, message)
        return
    if message is None:
        raise UsageError("Missing argument 'MESSAGE' (see execdb config set --help)")
    message = as_recorded(message)
    number, text = uid_of(uid), check_message(message)
    with config_table(context, create=True) as table:
        generation = table.set(number, text)
        report(context.obj, table, generation, f'uid {number}: "{message}"')


@app.command(
    cls=ConfigCommand,
    context_settings=TAKES_MINUS,
    epilog="""
execdb config get 0
execdb config get alice
execdb config get 0 --format json
""",
)
def get(context: typer.Context, uid: User, format: Format = ReportFormat.TEXT) -> None:
    """Show the message of a user."""
    number = uid_of(uid)
    with config_table(context) as table:
        config = table.read()
    message = config.entries.get(number)
    if message is None:
        for refused in config.refused:
            if refused.uid == number:
                raise ExecdbError(f"{refused}; set another with execdb config set {number} MESSAGE")
        raise ExecdbError(f"uid {number} has no message of its own: it gets the default")
    if format is ReportFormat.JSON:
        print(json.dumps({"uid": number, "message": message}))
    else:
        print(escape(message))


@app.command(
    "list",
    cls=ConfigCommand,
    epilog="""
execdb config list
execdb config list --format json
""",
)
def list_(context: typer.Context, format: Format = ReportFormat.TEXT) -> None:
    """Show the message of every user who has one, and the default."""
    with config_table(context) as table:
        config = table.read()
    if format is ReportFormat.JSON:
        entries = [{"uid": uid, "message": text} for uid, text in config.entries.items()]
        print(json.dumps({"default": config.default, "entries": entries} | refused_of(config)))
        return
    if config.default is not None:
        print(f"default {escape(config.default)}")
    for uid, message in config.entries.items():
        print(f"{uid} {escape(message)}")
    for refused in config.refused:
        print(f"not in the kernel: {escape(str(refused))}")


@app.command(
    cls=ConfigCommand,
    context_settings=TAKES_MINUS,
    epilog="""
execdb config unset 0
execdb config unset alice
execdb config unset -                    # UID a line, from stdin
""",
)
def unset(context: typer.Context, uid: Users) -> None:
    """Remove the message of a user, who then gets the default.

    With `-` instead of UID, stdin has a UID a line. All are one change; if one has no message,
    nothing is changed.
    """
    if uid == "-":
        _unset_many(context)
        return
    number = uid_of(uid)
    with config_table(context) as table:
        generation = table.unset(number)
        if generation is None:
            raise NoEntry(number)
        report(context.obj, table, generation, f"uid {number}: no entry")


@app.command(
    cls=ConfigCommand,
    context_settings=TAKES_MINUS,
    epilog="""
execdb config default                    # show it
execdb config default --format json
execdb config default 'Hello World'      # change it
""",
)
def default(
    context: typer.Context,
    message: Annotated[
        str | None,
        typer.Argument(help="At most 12 bytes of UTF-8, no control characters.", metavar="MESSAGE"),
    ] = None,
    format: Format = ReportFormat.TEXT,
) -> None:
    """Show or set the message of users who have none of their own."""
    if message is not None:
        if format is not ReportFormat.TEXT:
            raise UsageError("--format shows the default: it does not go with MESSAGE")
        message = check_message(as_recorded(message))
    with config_table(context, create=message is not None) as table:
        if message is None:
            config = table.read()
            if config.default is None:
                whys = [str(each) for each in config.refused if each.uid is None]
                raise ExecdbError(f"{whys[-1]}; set another with execdb config default MESSAGE")
            if format is ReportFormat.JSON:
                print(json.dumps({"default": config.default}))
            else:
                print(escape(config.default))
            return
        report(context.obj, table, table.set_default(message), f'default: "{message}"')


def _set_many(context: typer.Context, message: str | None) -> None:
    from execdb.cli.input.config_lines import messages_of, read_stdin

    if message is not None:
        raise UsageError("with - the messages come from stdin: give no MESSAGE")
    wanted = messages_of(read_stdin(), uid_of)
    with config_table(context, create=True) as table:
        generation = table.set_all(wanted.entries, wanted.default)
        number = len(wanted.entries) + (wanted.default is not None)
        report(context.obj, table, generation, f"{counted(number, 'message')} set")


def _unset_many(context: typer.Context) -> None:
    from execdb.cli.input.config_lines import read_stdin, uids_of

    uids = uids_of(read_stdin(), uid_of)
    with config_table(context) as table:
        generation = table.unset_all(uids)
        report(context.obj, table, generation, f"{counted(len(uids), 'message')} removed")
