"""Which user a collector switches to after start-up, and which group may read its database."""

import grp
import os
import pwd
from typing import NamedTuple

from execdb.store.errors import UsageError
from execdb.store.terms.users import uid_of
from execdb.store.uids import UID_MAX

_OWN = "execdb"
_NOBODY = 65534  # the kernel's overflow uid; `nobody` wherever there is such a user


class Identity(NamedTuple):
    """A user, as the kernel knows it."""

    uid: int
    gid: int


def user_named(name: str) -> Identity:
    """A user by name or number. Raises UsageError if there is none, or if this process may not
    switch to it."""
    from execdb.collector.own_process.privileges import may_become

    wanted = _identity(uid_of(name))
    if not may_become(wanted.uid):
        raise UsageError(f"only root may record as {name}: leave out --user, or try sudo")
    return wanted


def own_user() -> Identity:
    """The user `execdb` if it exists, else nobody. Never the owner of the database: programs of
    the same user could end the collector and lower its limits. The current user if this process may
    not switch."""
    from execdb.collector.own_process.privileges import may_become

    try:
        found = pwd.getpwnam(_OWN)
        wanted = Identity(found.pw_uid, found.pw_gid)
    except KeyError:
        wanted = _identity(_NOBODY)
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
        raise UsageError(f"there is no group {name!r} on this machine: give the number") from None
