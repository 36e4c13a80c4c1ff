"""What SQLite says, in words for people."""

from pathlib import Path

from execdb.store.errors import DatabaseBusy, DatabaseError, DatabaseFull, DatabaseRefused

VALUE_MAX = 16 << 20  # bytes of a value, a row, a statement; Linux allows 6 MiB of arguments


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
            "sqlite3 FILE .dump"
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
