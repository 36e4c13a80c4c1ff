"""What SQLite says, in words for people."""

from collections.abc import Sequence
from pathlib import Path

from execdb.store.errors import DatabaseBusy, DatabaseError, DatabaseFull, DatabaseRefused

VALUE_MAX = 16 << 20  # bytes of a value, a row, a statement
# What an event may hold. Linux allows 2 MiB of arguments, with 8 bytes more for each, unless
# someone has raised the limit of the stack; a recorder keeps 48 KiB of them.
_ARGUMENTS_MAX = 2 << 20
COUNT_MAX = _ARGUMENTS_MAX // 9
NAME_MAX = 64 << 10  # characters; of a path Linux takes 4 KiB


def too_long(argv: Sequence[str]) -> bool:
    """Whether no program can have been given these arguments."""
    return sum(map(len, argv), 9 * len(argv)) > _ARGUMENTS_MAX


def told(path: Path, text: str) -> DatabaseError:
    """The exception for what SQLite said of this file."""
    return _kind(text)(_sentence(path, text))


def _kind(text: str) -> type[DatabaseError]:
    if "locked" in text:
        return DatabaseBusy
    if "full" in text:
        return DatabaseFull
    return DatabaseRefused if "disk I/O error" in text else DatabaseError


def _sentence(path: Path, text: str) -> str:
    if "malformed" in text or "corrupt" in text:
        return (
            f"{path} is damaged ({text}): restore a copy, or save what can be read with "
            "sqlite3 FILE .recover"
        )
    if "locked" in text:
        return f"{path} is locked by another program: try again when it is done"
    if "too big" in text:
        return f"{path} holds a value, or was to take one, of more than {VALUE_MAX >> 20} MiB"
    if "full" in text:
        return f"no space left for {path}"
    if "not a database" in text:
        return f"{path} is not an SQLite database"
    if "readonly" in text or "unable to open" in text:
        return f"no permission to write to {path}, or to its folder"
    if "no such table" in text or "no such column" in text:
        return f"{path} is not a complete execdb database ({text})"
    return f"{path}: {text}"
