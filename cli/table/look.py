"""How events are to look: the options of a table, and the columns of every format that has some."""

from collections.abc import Collection
from dataclasses import dataclass

from execdb.store.errors import UsageError
from execdb.store.fields import FIELD_OF
from execdb.store.terms.names import MADE, SHORT, what_was_meant
from execdb.store.terms.term import COMMAND

_WITH_COLUMNS = ("table", "csv", "json", "ndjson")


@dataclass(frozen=True)
class Look:
    """`columns`: all of them are shown; empty: the usual ones, in a table those that fit. `width`
    is in cells; None: nothing is cut. Messages are left out where they are the default one;
    `hosts`: each event names its host."""

    columns: tuple[str, ...] = ()
    width: int | None = None
    numeric: bool = False
    utc: bool = False
    colour: bool = False
    default_message: str | None = None
    hosts: bool = False


def columns_of(text: str, format: str) -> tuple[str, ...]:
    """The columns in `a,b,c`. Raises UsageError if the format has no such columns."""
    if format not in _WITH_COLUMNS:
        raise UsageError(f"--columns goes with --format {', '.join(_WITH_COLUMNS)}, not {format}")
    known = (*FIELD_OF, COMMAND, *(MADE if format == "table" else ()))
    typed = (name.strip() for name in text.split(","))
    names = tuple(name if name in FIELD_OF else SHORT.get(name, name) for name in typed)
    for name in names:
        if name in MADE and name not in known:
            raise UsageError(f"{name!r} is a column of a table: for {format} give {MADE[name]}")
        require_known("column", name, known)
    if len(set(names)) < len(names):
        raise UsageError(f"--columns {text!r} names a column twice")
    return names


def require_known(what: str, name: str, known: Collection[str]) -> None:
    """Raises UsageError, with what is near."""
    if name not in known:
        raise UsageError(f"there is no {what} {name!r}: {what_was_meant(name, known)}")
