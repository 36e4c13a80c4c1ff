"""The group `execdb config`, to which the modules beside this one add their commands."""

from typing import Annotated

import typer

from execdb.cli.command import Group

app = typer.Typer(
    cls=Group,
    add_completion=False,
    rich_markup_mode=None,
    help="Manage messages, rules and limits: what the kernel does with each exec.\n\n"
    "They are stored in the database. A running collector puts a change into the kernel at once.",
    epilog="""
execdb config set alice 'Hi Alice!'
execdb config ignore comm=sed,grep uid=1000
execdb config rules
execdb config set --help                 # more about each command
""",
)

# So that -1 is refused as a uid, with the range, and not as an unknown option.
TAKES_MINUS = {"ignore_unknown_options": True}

User = Annotated[str, typer.Argument(help="A uid or a user name.", metavar="UID")]
Users = Annotated[
    str, typer.Argument(help="A uid or a user name; - for many, from stdin.", metavar="UID")
]
