"""Installs the forwarder as a second unit, and removes it."""

import os
import pwd
from collections.abc import Sequence
from pathlib import Path

from execdb.cli.service import places, systemd
from execdb.cli.service.installing import Say, enable, remove_files, write_files
from execdb.cli.service.plan import File
from execdb.store.central.url import CentralUrl
from execdb.store.errors import ExecdbError

FILES = (places.SHIP_UNIT_FILE, places.SHIP_SYSUSERS_FILE, places.SHIP_PASSWORD_FILE)


def apply(files: Sequence[File], url: CentralUrl, user: str, say: Say) -> None:
    """Writes the files that are new or out of date, and starts the unit, or starts it again.
    `user` is who it runs as. Raises ExecdbError."""
    unit, password = places.SHIP_UNIT, places.SHIP_PASSWORD_FILE
    changed = write_files(unit, files, say, private={password})
    systemd.call("systemd-sysusers", str(places.SHIP_SYSUSERS_FILE))
    _own(password, user)
    enable(unit)
    if changed or systemd.properties(unit)["ActiveState"] != "active":
        systemd.call("systemctl", "restart", unit)
        say(f"execdb ships to {url}, now and after each boot")
    if not os.path.lexists(password):
        say(
            f"the URL has no password: if the store asks for one, write *:*:*:*:PASSWORD to "
            f"{password}, mode 0600, owned by {user}"
        )


def _own(path: Path, name: str) -> None:
    """Makes the file one of this user. Raises ExecdbError."""
    if path.is_symlink() or not path.is_file():
        return
    user = pwd.getpwnam(name)
    try:
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    except OSError as error:
        raise ExecdbError(f"cannot write {error.filename}: {error.strerror}") from error


def remove(*, purge: bool, say: Say) -> None:
    """Stops the unit and removes what was installed; with `purge` also files that were changed
    since. Raises ExecdbError."""
    ours = remove_files(places.SHIP_UNIT, FILES, purge=purge, say=say)
    if ours and not os.path.lexists(places.SHIP_PASSWORD_FILE):
        _remove_user()


def _remove_user() -> None:
    """Nothing else belongs to it."""
    try:
        pwd.getpwnam(places.SHIP_USER)
    except KeyError:
        return
    systemd.call("userdel", places.SHIP_USER)
