"""Checks the files beside a database before SQLite opens any of them.

SQLite trusts these files: it rolls back a `-journal` and deletes the file that the journal names,
copies a `-wal` into the database, follows links and waits for pipes. In a folder in which other
users may write, anyone can have made them.
"""

import os
import stat
import time
from pathlib import Path

from execdb.store.errors import DatabaseError
from execdb.store.file.descriptor import Descriptor
from execdb.store.file.sqlite_errors import from_os_error
from execdb.store.schema.constants import WAL_MODE


def check_beside(real: Path, file: Descriptor | None) -> None:
    """Raises DatabaseError if a file that SQLite or `CollectorLock` would use beside this one must
    not be used. `file` is None if the database does not exist yet."""
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
    """Whether it is still there after half a second: making a database needs one for a moment."""
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
    """The mode in which SQLite is to open the file. Someone who may not write it needs the WAL and
    its index to exist: SQLite would create them in the name of a mere reader. Raises
    DatabaseError."""
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
    """Whether the file system is read-only, not just the place where it is mounted: it may be
    mounted elsewhere for writing (proc_pid_mountinfo(5))."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return False
    of_it = [line for line in lines if line.split()[2] == wanted]
    return bool(of_it) and all("ro" in line.split()[-1].split(",") for line in of_it)
