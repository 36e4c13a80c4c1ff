"""Where a path leads: through which links, and past whom.

The owner of a folder can replace each file in it with a link at any moment. So links are followed
here, one step at a time, and only some of them.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import NamedTuple

from execdb.store.errors import DatabaseError

BESIDE = ("-wal", "-shm", ".lock")  # the files beside a database
NOBODY = 65534  # in a user namespace, every user who has no uid there
_LINKS_MAX = 40  # as in the kernel


class ResolvedPath(NamedTuple):
    """A path as it was at one moment."""

    real: Path  # without links; there may be no file
    controller: int | None  # the uid whose rights root must use there; None: one's own


def resolve(path: Path) -> ResolvedPath:
    """The controller is the first user, except root, who could make the path lead elsewhere: the
    owner of a folder or link on it, or, in a folder where everyone may create files, the owner of
    the file or of one beside it. Raises DatabaseError for a link that must not be followed."""
    controller: int | None = None
    open_to_all, real = False, "/"
    for real, status in _walk(path):
        if status is None:
            break
        folder, link = stat.S_ISDIR(status.st_mode), stat.S_ISLNK(status.st_mode)
        names = [real] if folder or link else [real + suffix for suffix in ("", *BESIDE)]
        if controller is None and (folder or link or open_to_all):
            controller = next(filter(_can_be_a_user, map(_owner, names)), None)
        open_to_all = bool(status.st_mode & stat.S_IWOTH) if folder else open_to_all
    return ResolvedPath(Path(real), controller if os.geteuid() == 0 else None)


def real_path(path: Path) -> Path:
    """The path of the file itself: SQLite keeps its files beside that one. A link is followed if it
    belongs to root, to the user of this process, or to the owner of that file. Raises
    DatabaseError."""
    links: list[tuple[str, int]] = []
    real, status = "/", None
    for real, status in _walk(path):
        if status is not None and stat.S_ISLNK(status.st_mode):
            links.append((real, status.st_uid))
    if status is not None:  # `_walk` has checked links to nothing
        for link, uid in links:
            if uid not in (0, os.geteuid(), status.st_uid):
                raise DatabaseError(
                    f"{link} is a link that user {uid} has made: name what it leads to, {real}"
                )
    return Path(real)


def _walk(path: Path) -> Iterator[tuple[str, os.stat_result | None]]:
    """Everything from / to the file: each link before what it leads to, the file itself last, with
    None if it does not exist. A link of another user to nothing is not followed."""
    here, rest, links = "/", [*reversed(path.absolute().parts[1:])], list[str]()
    yield here, os.lstat(here)
    while rest:
        part = rest.pop()
        if part == "..":
            here = os.path.dirname(here)
            continue
        place = os.path.join(here, part)
        try:
            status = os.lstat(place)
        except OSError:  # it does not exist, or may not be looked at, and then not be opened
            _check_links_to_nothing(links)
            yield os.path.join(place, *reversed(rest)), None
            return
        yield place, status
        if not stat.S_ISLNK(status.st_mode):
            here = place
            continue
        links.append(place)
        if len(links) > _LINKS_MAX:
            raise DatabaseError(f"cannot look at {path}: its links go round in a circle")
        parts = PurePath(os.readlink(place)).parts
        if parts[:1] == ("/",):
            here, parts = "/", parts[1:]
        rest += reversed(parts)


def _check_links_to_nothing(links: Iterable[str]) -> None:
    """Refuses those of other users. Root may follow them, with the rights of their owner."""
    caller = os.geteuid()
    for link in links:
        owner = _owner(link)
        if caller and owner not in (0, caller):
            raise DatabaseError(
                f"{link} is a link of uid {owner} to where no file is: name that file"
            )


def _owner(name: str) -> int:
    try:
        return os.lstat(name).st_uid
    except OSError:
        return 0


def _can_be_a_user(owner: int) -> bool:
    """In a container, what belongs to nobody may belong to users outside."""
    return owner != 0 and not (owner == NOBODY and _is_partly_mapped())


def _is_partly_mapped() -> bool:
    return Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]
