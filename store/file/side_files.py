"""What stands at the name of a database and beside it, before SQLite opens any of it.

SQLite believes these files: it rolls a `-journal` back and deletes the file that one names, copies
a `-wal` into the database, follows links, waits for pipes. In a folder that other people may write
to they can be anyone's.
"""

import os
import stat
import time
from pathlib import Path

from execdb.store.errors import DatabaseError
from execdb.store.file.descriptor import Descriptor
from execdb.store.file.safe_files import steps
from execdb.store.file.sqlite_errors import from_os_error
from execdb.store.schema.constants import WAL_MODE


def real_path(path: Path) -> Path:
    """The name of the file itself: SQLite keeps its files beside that one. A link is followed if it
    belongs to root, to the user of this process, or to whom that file belongs. Raises
    DatabaseError."""
    links: list[tuple[str, int]] = []
    real, status = "/", None
    for real, status in steps(path):
        if status is not None and stat.S_ISLNK(status.st_mode):
            links.append((real, status.st_uid))
    if status is not None:  # of links to nothing `steps` has taken care
        for link, uid in links:
            if uid not in (0, os.geteuid(), status.st_uid):
                raise DatabaseError(
                    f"{link} is a link that user {uid} has made: name what it leads to, {real}"
                )
    return Path(real)


def check_beside(real: Path, file: Descriptor | None) -> None:
    """Raises DatabaseError for what SQLite must not meet beside this file (None: it is not there
    yet), or we as its lock."""
    for suffix in ("-journal", "-wal", "-shm", ".lock"):
        beside = Path(f"{real}{suffix}")
        try:
            status = beside.lstat()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise from_os_error(beside, "look at", error) from error
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            kind = "has another name (a hard link)" if status.st_nlink > 1 else "is no plain file"
            raise DatabaseError(f"{beside} {kind}: remove it, execdb makes its own")
        _check_owner(beside, status.st_uid, real, file)
        if suffix == "-journal" and status.st_size and _stays(beside):
            raise DatabaseError(
                f"{beside} is a journal, which execdb never leaves and SQLite would act upon: "
                f"remove it, or if you know the program that left it, run sqlite3 {real} .schema "
                "as the owner of both"
            )


def _stays(journal: Path) -> bool:
    """Whether it is still there after a while: who makes a database has one for a moment."""
    for _ in range(50):
        time.sleep(0.01)
        if not _size(f"{journal}"):
            return False
    return True


def _check_owner(beside: Path, uid: int, real: Path, file: Descriptor | None) -> None:
    if uid in (0, os.geteuid()) or (file is not None and (uid == file.owner or file.others_write)):
        return
    raise DatabaseError(
        f"{beside} belongs to user {uid}, and {real} does not: remove the one that is not yours"
    )


def mode_for(real: Path, file: Descriptor) -> str:
    """How SQLite is to open it. Who may not write it needs the WAL and its index to be there:
    SQLite would make them, in the name of a mere reader. Raises DatabaseError."""
    if os.access(real, os.W_OK, effective_ids=True):
        return "rw"
    if file.read(2, 18) != WAL_MODE:
        return "ro"
    lacking = [suffix for suffix in ("-wal", "-shm") if not os.path.lexists(f"{real}{suffix}")]
    for suffix in {"-wal", "-shm"} - set(lacking):
        if not os.access(f"{real}{suffix}", os.R_OK, effective_ids=True):
            raise DatabaseError(
                f"no permission to read {real}{suffix}, without which what was recorded last is "
                "missing: ask its owner"
            )
    if not lacking:
        return "ro"
    if _size(f"{real}-wal") == 0 and _never_changes(file.inode[0]):
        return "ro&immutable=1"
    read_only = os.statvfs(real).f_flag & os.ST_RDONLY
    why = "its file system is read-only" if read_only else f"no permission to write to {real}"
    raise DatabaseError(
        f"there is no {real}{lacking[0]}, and {why}: copy it, with its -wal if there is one, to a "
        "folder of yours and ask the copy"
    )


def _size(name: str) -> int:
    try:
        return os.lstat(name).st_size
    except OSError:
        return 0


def _never_changes(device: int) -> bool:
    """Whether the file system is read-only, and not only the place where it is mounted: elsewhere
    someone may write to it (proc_pid_mountinfo(5))."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return False
    of_it = [line for line in lines if line.split()[2] == wanted]
    return bool(of_it) and all("ro" in line.split()[-1].split(",") for line in of_it)
