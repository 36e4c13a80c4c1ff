"""Files in folders of other users, reached by root with the rights of whoever controls the way to
them: a folder's owner can swap each file in it for a link at any moment."""

import contextlib
import os
import stat
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import NamedTuple

from execdb.store.errors import DatabaseError

BESIDE = ("-wal", "-shm", ".lock")  # what stands beside a database
_LINKS_MAX = 40  # as in the kernel
_UNMAPPED = 65534  # who owns what has no owner in this user namespace
_READ_ALL = 1 << 2  # CAP_DAC_READ_SEARCH
_CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h


class Way(NamedTuple):
    """Of a path, as it was at one moment."""

    controller: int | None  # for root: with whose rights to go it; None: as oneself
    real: Path  # where it leads, links apart; nothing may be there


def way_to(path: Path) -> Way:
    """The controller is the first user but root on the way from / who could have the path lead
    elsewhere: who owns a folder or a link, or, in a folder where everyone may make files, the file
    or one beside it. Raises DatabaseError for a link that must not be followed."""
    controller: int | None = None
    everyones, real = False, "/"
    for real, status in steps(path):
        if status is None:
            break
        folder, link = stat.S_ISDIR(status.st_mode), stat.S_ISLNK(status.st_mode)
        names = [real] if folder or link else [real + end for end in ("", *BESIDE)]
        if controller is None and (folder or link or everyones):
            controller = next(filter(_can_be, map(_owner, names)), None)
        everyones = bool(status.st_mode & stat.S_IWOTH) if folder else everyones
    return Way(controller if os.geteuid() == 0 else None, Path(real))


def steps(path: Path) -> Iterator[tuple[str, os.stat_result | None]]:
    """What is there from / to the file, links before what they lead to; last the file itself, with
    None if it is not there. A link of someone else's to nothing is not followed."""
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
        except OSError:  # not there; or it may not be looked at, nor then be opened
            _check_links(links)
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


def _check_links(links: Iterable[str]) -> None:
    """Of a user; root goes where a link leads with the rights of its owner."""
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


def _can_be(owner: int) -> bool:
    """In a container, what belongs to nobody may belong to those outside."""
    return owner != 0 and not (owner == _UNMAPPED and _partly_mapped())


def _partly_mapped() -> bool:
    return Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]


def for_whom(way: Way) -> str:
    """What to add to a sentence about a right that is missing."""
    if way.controller is None:
        return ""
    return f" for uid {way.controller}, who may change what the path leads to: execdb acts for them"


@contextlib.contextmanager
def acting_for(way: Way) -> Iterator[None]:
    """This thread's file accesses are inside those of the way's controller, apart from reading.
    Raises DatabaseError."""
    uid = None if getattr(_thread, "acts", False) or os.geteuid() != 0 else way.controller
    if uid is None:
        yield
        return
    _thread.acts, gid = True, os.getegid()
    try:
        _act_as(uid, way.real)
        yield
    finally:
        _set(0, gid)
        _thread.acts = False


_thread = threading.local()


def _act_as(uid: int, path: Path) -> None:
    import pwd

    try:
        gid = pwd.getpwuid(uid).pw_gid
    except KeyError:  # a user without a name
        gid = _UNMAPPED
    with contextlib.suppress(PermissionError):
        os.setgroups(())  # of the whole process: root needs no group's rights
    _set(uid, gid)
    if _set(uid, gid) != uid:
        raise DatabaseError(
            f"{path} is where uid {uid} may change what it leads to, and this process may not act "
            "for that user: run execdb as that user"
        )
    _keep_reading()


def _set(uid: int, gid: int) -> int:
    """Of this thread (setfsuid(2), which also takes root's rights on files or gives them back).
    Returns the user before."""
    import ctypes

    libc = ctypes.CDLL(None)
    libc.setfsgid(ctypes.c_uint(gid))
    return int(libc.setfsuid(ctypes.c_uint(uid)))


def _keep_reading() -> None:
    """Folders above, or Python's own, may be root's alone (capset(2), of this thread)."""
    import ctypes
    import struct

    libc = ctypes.CDLL(None)
    head = ctypes.create_string_buffer(struct.pack("Ii", _CAPABILITY_VERSION_3, 0))
    data = ctypes.create_string_buffer(24)
    if libc.capget(head, data) == 0:
        effective, permitted, *more = struct.unpack("6I", data.raw)
        effective |= permitted & _READ_ALL
        data = ctypes.create_string_buffer(struct.pack("6I", effective, permitted, *more), 24)
        libc.capset(head, data)


def make_folder(folder: Path) -> None:
    """Makes a private folder if there is none. Raises OSError, DatabaseError."""
    way = way_to(folder)
    with acting_for(way):
        way.real.mkdir(mode=0o700, exist_ok=True)


def make_file(path: Path) -> None:
    """Makes a private, empty file if there is none, never behind a link that appears meanwhile.
    Raises OSError, DatabaseError."""
    way = way_to(path)
    with acting_for(way), contextlib.suppress(FileExistsError):
        how = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(way.real, how, 0o600))


def share(path: Path, group: int, *, folder: bool) -> None:
    """Lets a group read the database and the files beside it, with `folder` also the folder. A
    folder that is not ours to open must be open already. Raises DatabaseError."""
    way = way_to(path)  # SQLite keeps its files beside the file itself, not beside a link
    try:
        place = os.open(way.real.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for end in ("", "-wal", "-shm"):
                _give(way.real.name + end, place, way.controller, group, 0o640)
            if folder:
                _give(".", place, way.controller, group, 0o750)
            status = os.fstat(place)
        finally:
            os.close(place)
    except OSError as error:
        raise DatabaseError(
            f"cannot let group {group} read {path} and what is beside it: {error.strerror}"
        ) from error
    if not ((status.st_gid == group and status.st_mode & 0o010) or status.st_mode & 0o001):
        folder_name = way.real.parent
        raise DatabaseError(
            f"group {group} cannot get to {path}: chgrp {group} {folder_name}, then chmod g+rx it"
        )


def _give(name: str, place: int, uid: int | None, group: int, mode: int) -> None:
    """Gives a group a file of the folder `place`, or the folder itself, by a descriptor: what has
    this name may be another file a moment later. `uid` is who must own it, None if anyone may."""
    # O_PATH: to close another kind of descriptor would end SQLite's locks.
    found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
    try:
        status = os.fstat(found)
        plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
        if not (plain or name == ".") or uid not in (None, status.st_uid):
            raise DatabaseError(
                f"{name} is a link, or not a file of the folder's owner: it was swapped"
            )
        os.chown(f"/proc/self/fd/{found}", -1, group)
        os.chmod(f"/proc/self/fd/{found}", mode)
    finally:
        os.close(found)
