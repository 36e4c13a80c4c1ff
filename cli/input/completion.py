"""What the shell completes beside commands and options: terms, names of programs, users.

What is offered gets onto somebody's command line, and names of programs are untrusted: only those
without any character that a shell treats in a special way are offered.
"""

import os
import pwd
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from execdb.store.errors import ExecdbError

_MOST = 100
_HARMLESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_OPERATORS = re.compile(r"([a-z_]+)(!?=)(.*)", re.DOTALL)
_COMMS = "SELECT DISTINCT comm FROM program WHERE comm GLOB ? LIMIT ?"


def terms(ctx: Any, args: list[str], incomplete: str) -> list[str]:
    """`com` -> `comm=`, `comm=gc` -> `comm=gcc`, `uid=al` -> `uid=alice`."""
    typed = _OPERATORS.fullmatch(incomplete)
    if typed is None:
        return [f"{name}=" for name in fields(ctx, args, incomplete)]
    name, operator, values = typed.groups()
    before, comma, value = values.rpartition(",")
    found = _values(ctx, name, value)
    return [f"{name}{operator}{before}{comma}{each}" for each in found]


def _values(ctx: Any, field: str, begun: str) -> list[str]:
    from execdb.store.fields import FIELD_OF
    from execdb.store.kinds import ENDINGS, Kind

    if field == "comm":
        return comms(ctx, [], begun)
    kind = FIELD_OF[field].kind if field in FIELD_OF else None
    if kind is Kind.UID:
        return users(ctx, [], begun)
    if kind is Kind.SIGNAL:
        import signal

        names = (each.name.removeprefix("SIG") for each in signal.Signals)
        return [name for name in names if name.startswith(begun.upper())]
    if kind is Kind.ERRNO:
        from errno import errorcode

        return sorted(name for name in errorcode.values() if name.startswith(begun))
    if kind is Kind.BOOL:
        return [word for word in ("true", "false") if word.startswith(begun)]
    if field == "ended":
        return [each for each in ENDINGS if each.startswith(begun)]
    return []


def rule_terms(ctx: Any, args: list[str], incomplete: str) -> list[str]:
    """The same of the fields that a rule can ask for."""
    from execdb.store.config.rule import FIELDS

    return [term for term in terms(ctx, args, incomplete) if re.split("!?=", term)[0] in FIELDS]


def fields(ctx: Any, args: list[str], incomplete: str) -> list[str]:
    """What a term may name; of a list `a,b,c` the last one."""
    from execdb.store.terms.names import KINDS

    return _last_of(incomplete, KINDS)


def groupable(ctx: Any, args: list[str], incomplete: str) -> list[str]:
    """What events can be grouped by."""
    from execdb.store.terms.names import GROUPABLE

    return _last_of(incomplete, GROUPABLE)


def columns(ctx: Any, args: list[str], incomplete: str) -> list[str]:
    """What can be a column of a table."""
    from execdb.store.terms.names import KINDS, MADE

    return _last_of(incomplete, (*KINDS, *MADE))


def keys(ctx: Any, args: list[str], incomplete: str) -> list[str]:
    """What events can be sorted by."""
    from execdb.store.terms.names import KINDS
    from execdb.store.terms.term import COMMAND

    return _last_of(incomplete, KINDS.keys() - {COMMAND})


def _last_of(incomplete: str, names: Iterable[str]) -> list[str]:
    before, comma, begun = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in sorted(names) if name.startswith(begun)]


def users(ctx: Any, args: list[str], incomplete: str) -> list[str]:
    """Names of users of this machine."""
    return _harmless(each.pw_name for each in pwd.getpwall() if each.pw_name.startswith(incomplete))


def comms(ctx: Any, args: list[str], incomplete: str) -> list[str]:
    """Names of programs in the database; none if it cannot be read."""
    if incomplete and not _HARMLESS.fullmatch(incomplete):
        return []
    import sqlite3

    from execdb.store.file.database import open_database

    path = ctx.obj or Path(ctx.find_root().params.get("db") or "")
    if not isinstance(path, Path):  # a central store: a server is not asked for each key
        return []
    try:
        with open_database(path) as database, database.reading() as connection:
            rows = connection.execute(_COMMS, (f"{incomplete}*", _MOST)).fetchall()
    except (ExecdbError, OSError, sqlite3.Error):
        return []
    return _harmless(
        os.fsdecode(comm) if isinstance(comm, bytes) else str(comm) for (comm,) in rows
    )


def _harmless(names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if _HARMLESS.fullmatch(name)})[:_MOST]


def replace_bash_completion() -> None:
    """Bash takes `comm=gc` for three words, and replaces the last of them."""
    from typer._click.shell_completion import add_completion_class
    from typer._completion_classes import BashComplete

    class WithEquals(BashComplete):
        def get_completion_args(self) -> tuple[list[str], str]:
            words = os.environ["COMP_WORDS"].split("\n")[: int(os.environ["COMP_CWORD"]) + 1]
            whole: list[str] = []
            for word in words:
                joins = whole and (word in ("=", "!=") or whole[-1].endswith("="))
                if joins:
                    whole[-1] += word
                else:
                    whole.append(word)
            *args, incomplete = whole
            self._begun = incomplete[: len(incomplete) - len(words[-1].lstrip("="))]
            return args[1:], incomplete

        def format_completion(self, item: Any) -> str:
            return str(item.value).removeprefix(self._begun) if "=" in self._begun else item.value

    add_completion_class(WithEquals, "bash")
