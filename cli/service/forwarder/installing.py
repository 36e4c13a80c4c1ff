"""Puts the second unit in place, and takes it away."""

import os
import pwd
from collections.abc import Callable, Sequence
from pathlib import Path

from execdb.cli.service import places, systemd
from execdb.cli.service.changes import remove_all, write_all
from execdb.cli.service.marked import State, state_of
from execdb.cli.service.plan import File
from execdb.store.central.url import CentralUrl
from execdb.store.errors import ExecdbError

Say = Callable[[str], None]
FILES = (places.SHIP_UNIT_FILE, places.SHIP_SYSUSERS_FILE, places.SHIP_PASSWORD_FILE)


def apply(files: Sequence[File], url: CentralUrl, user: str, say: Say) -> None:
    """Writes the files that are new or out of date, and starts the unit, or starts it again.
    `user` is who it runs as. Raises ExecdbError."""
    unit = places.SHIP_UNIT
    if systemd.properties(unit)["LoadState"] == "masked":
        raise ExecdbError(f"{unit} is masked: systemctl unmask {unit}, and try again")
    for file in files:
        if file.kept:
            say(f"{file.path} stays as it is: it is not as execdb wrote it")
    stale = {
        file.path: file.text
        for file in files
        if not file.kept and (file.state is State.ABSENT or file.path.read_text() != file.text)
    }
    try:
        write_all(stale, private={places.SHIP_PASSWORD_FILE})
        systemd.call("systemd-sysusers", str(places.SHIP_SYSUSERS_FILE))
        _own(places.SHIP_PASSWORD_FILE, user)
    except OSError as error:
        raise ExecdbError(f"cannot write {error.filename}: {error.strerror}") from error
    systemd.call("systemctl", "daemon-reload")
    systemd.call("systemctl", "enable", "--quiet", unit)
    active = systemd.properties(unit)["ActiveState"] == "active"
    if stale or not active:
        systemd.call("systemctl", "restart", unit)
        say(f"execdb ships to {url}, now and after each boot")
    if not os.path.lexists(places.SHIP_PASSWORD_FILE):
        say(
            f"the URL has no password: if the store asks for one, write *:*:*:*:PASSWORD to "
            f"{places.SHIP_PASSWORD_FILE}, mode 0600, owned by {user}"
        )


def _own(path: Path, name: str) -> None:
    """Raises OSError."""
    if not path.is_symlink() and path.is_file():
        user = pwd.getpwnam(name)
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def remove(*, purge: bool, say: Say) -> int:
    """Stops the unit and removes what was installed; with `purge` also files that were changed
    since. Returns how many files that were. Raises ExecdbError."""
    unit = places.SHIP_UNIT
    if systemd.properties(unit)["LoadState"] not in ("not-found", "masked"):
        systemd.call("systemctl", "disable", "--quiet", "--now", unit)
    states = {path: state_of(path) for path in FILES}
    removed = {State.OURS, State.CHANGED} if purge else {State.OURS}
    ours = [path for path, state in states.items() if state in removed]
    try:
        remove_all(ours)
    except OSError as error:
        raise ExecdbError(f"cannot remove {error.filename}: {error.strerror}") from error
    for path, state in states.items():
        if state is State.CHANGED and not purge:
            say(f"{path} stays: it was changed since execdb wrote it (--purge removes it)")
    if ours and not os.path.lexists(places.SHIP_PASSWORD_FILE):
        _remove_user()
    return len(ours)


def _remove_user() -> None:
    """Nothing else belongs to it."""
    try:
        pwd.getpwnam(places.SHIP_USER)
    except KeyError:
        return
    systemd.call("userdel", places.SHIP_USER)
