"""The copies that upgrades have left beside a database: their names, and how many are kept.

`execdb.db.revision-0012.20261126T125200Z` is what `execdb.db` was when it had revision 0012.
"""

import os
import re
import stat
import time
from pathlib import Path

from execdb.store.file.filesystem_user import acting_for
from execdb.store.file.path import resolve

_KEPT = 2


def name_of_copy(database: Path, revision: str, now_s: float) -> str:
    """The name of a copy that is made now (seconds since the epoch)."""
    return (
        f"{database.name}.revision-{revision}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now_s))}"
    )


def newest_copy(database: Path, revision: str) -> Path | None:
    """The latest copy of that revision; None if there is none, or the folder cannot be read."""
    try:
        found = [path for path in _copies(database) if f".revision-{revision}." in path.name]
    except OSError:
        return None
    return found[-1] if found else None


def remove_old(database: Path) -> list[Path]:
    """Removes all copies but the latest ones; returns what was removed. Files of another user than
    the owner of the database are left alone. Raises OSError, DatabaseError."""
    resolved = resolve(database)
    removed = []
    with acting_for(resolved):
        owner = resolved.real.stat().st_uid
        for path in _copies(resolved.real)[:-_KEPT]:
            if path.lstat().st_uid == owner:
                path.unlink()
                removed.append(path)
    return removed


def remove(copy: Path) -> None:
    """Removes a copy that turned out not to be needed. Raises OSError, DatabaseError."""
    with acting_for(resolve(copy)):
        copy.unlink(missing_ok=True)


def pattern_of_copies(database: Path) -> re.Pattern[str]:
    """The names of all copies, also of unfinished ones: when, and the number at the end."""
    return re.compile(
        re.escape(database.name) + r"\.revision-[0-9]{4}\.([0-9]{8}T[0-9]{6}Z)(?:\.([0-9]{1,9}))?"
    )


def _copies(database: Path) -> list[Path]:
    """The oldest first. Raises OSError."""
    name = pattern_of_copies(database)
    found = []
    with os.scandir(database.parent) as entries:
        for entry in entries:
            match = name.fullmatch(entry.name)
            if match and stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
                found.append((match[1], int(match[2] or 0), Path(entry.path)))
    return [path for _, _, path in sorted(found)]
