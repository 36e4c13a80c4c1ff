"""Who a collector is to be once it records, and who may read its database besides."""

import grp
import os
import pwd
from pathlib import Path
from typing import NamedTuple

from execdb.cli.options import uid_of
from execdb.store.entry import UID_MAX
from execdb.store.errors import UsageError

_NOBODY = 65534  # the kernel's overflow uid; `nobody` wherever there is such a user


class Identity(NamedTuple):
    uid: int
    gid: int


def user_named(name: str) -> Identity:
    """A user by name or number. Raises UsageError where there is none, or we may not become
    them."""
    from execdb.collector.privileges import may_become

    wanted = _identity(uid_of(name))
    if not may_become(wanted.uid):
        raise UsageError(f"only root may record as {name}: leave out --user, or try sudo")
    return wanted


def user_for(database: Path) -> Identity:
    """Who owns the database, or nobody where that is root; without the right to become that,
    whoever runs this."""
    from execdb.collector.privileges import may_become

    wanted = _identity(database.stat().st_uid or _NOBODY)
    return wanted if may_become(wanted.uid) else Identity(os.getuid(), os.getgid())


def _identity(uid: int) -> Identity:
    try:
        return Identity(uid, pwd.getpwuid(uid).pw_gid)
    except KeyError:  # a user without a name
        return Identity(uid, _NOBODY)


def group_of(name: str) -> int:
    """A group by name or number. Raises UsageError."""
    if name.isascii() and name.isdecimal() and int(name[:11]) <= UID_MAX:
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError, UnicodeEncodeError):
        raise UsageError(f"there is no group {name!r} on this machine") from None
