"""Installs the service, and removes it."""

import os
import pwd
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path

from execdb.cli.output.counted import counted
from execdb.cli.service import places, plan, systemd
from execdb.cli.service.changes import remove_all, write_all
from execdb.cli.service.marked import State, state_of
from execdb.cli.service.plan import File
from execdb.store.errors import ExecdbError
from execdb.store.file.copies.removal import remove_database
from execdb.store.file.locks.collector_lock import collector_pid

Say = Callable[[str], None]


def write_files(
    unit: str, files: Sequence[File], say: Say, private: Container[Path] = ()
) -> set[Path]:
    """Writes those of a unit that are new or out of date, and returns their paths; those that are
    `private` only root may read. Raises ExecdbError; then nothing has changed."""
    if systemd.properties(unit)["LoadState"] == "masked":
        raise ExecdbError(f"{unit} is masked: systemctl unmask {unit}, and try again")
    for file in files:
        if file.kept:
            say(f"{file.path} stays as it is: it is not as execdb wrote it")
    stale = {file.path: file.text for file in files if not file.kept and _differs(file)}
    try:
        write_all(stale, private)
    except OSError as error:
        raise ExecdbError(f"cannot write {error.filename}: {error.strerror}") from error
    return {*stale}


def _differs(file: File) -> bool:
    return file.state is State.ABSENT or file.path.read_text() != file.text


def enable(unit: str) -> None:
    """From the next boot on; systemd knows the new files at once. Raises ExecdbError."""
    systemd.call("systemctl", "daemon-reload")
    systemd.call("systemctl", "enable", "--quiet", unit)


def remove_files(unit: str, paths: Iterable[Path], *, purge: bool, say: Say) -> list[Path]:
    """Stops a unit and removes its files, with `purge` also those that were changed since they were
    written. Returns which that were. Raises ExecdbError."""
    if systemd.properties(unit)["LoadState"] not in ("not-found", "masked"):
        systemd.call("systemctl", "disable", "--quiet", "--now", unit)
    states = {path: state_of(path) for path in paths}
    removed = {State.OURS, State.CHANGED} if purge else {State.OURS}
    ours = [path for path, state in states.items() if state in removed]
    try:
        remove_all(ours)
    except OSError as error:
        raise ExecdbError(f"cannot remove {error.filename}: {error.strerror}") from error
    systemd.call("systemctl", "daemon-reload")
    for path, state in states.items():
        if state is State.CHANGED and not purge:
            say(f"{path} stays: it was changed since execdb wrote it (--purge removes it)")
    return ours


def apply(files: Sequence[File], database: Path, say: Say) -> None:
    """Writes the files that are new or out of date, and starts the service if it does not run.
    Raises ExecdbError."""
    before = plan.options_of_a_start()
    changed = write_files(places.UNIT, files, say)
    if places.SYSUSERS_FILE in changed or _user() is None:
        systemd.call("systemd-sysusers", str(places.SYSUSERS_FILE))
    _make_folder(database.parent)
    enable(places.UNIT)
    if systemd.properties()["ActiveState"] == "active":
        restart = places.UNIT_FILE in changed or plan.options_of_a_start() != before
        changed &= {places.UNIT_FILE, places.OPTIONS_FILE}
        _say_what_changed(changed, restart, database, say)
    else:
        _start(database, say)


def _say_what_changed(changed: set[Path], restart: bool, database: Path, say: Say) -> None:
    if changed:
        what = " and ".join(map(str, sorted(changed)))
        how = "execdb service restart" if restart else f"systemctl reload {places.UNIT}"
        say(f"{what} changed: {how} makes the service use it")
    else:
        say(f"nothing to change: execdb records to {database}")


def _start(database: Path, say: Say) -> None:
    try:
        systemd.start(places.UNIT)
    except ExecdbError as error:
        # With wrong options it would fail again (RestartPreventExitStatus=).
        again = systemd.properties()["ActiveState"] == "activating"
        soon = ", and is tried again each second" if again else ""
        raise ExecdbError(f"installed, but it does not start{soon}: {error}") from error
    say(f"execdb records to {database}, now and after each boot")


def _user() -> int | None:
    """The uid of the service's user, None if there is no such user."""
    try:
        return pwd.getpwnam(places.USER).pw_uid
    except KeyError:
        return None


def _make_folder(folder: Path) -> None:
    """systemd makes its own (StateDirectory=)."""
    if folder != places.FOLDER and not folder.exists():
        user = pwd.getpwnam(places.USER)
        folder.mkdir(0o750)
        os.chown(folder, user.pw_uid, user.pw_gid)


def remove(database: Path, *, purge: bool, say: Say) -> None:
    """Stops the service and removes what was installed; with `purge` also the history, and files
    that were changed since. Raises ExecdbError."""
    ours = remove_files(places.UNIT, _installed(), purge=purge, say=say)
    if purge:
        _purge(database, say)
    _remove_user(database.parent, say)
    say(f"removed {counted(len(ours), 'file')}" if ours else "nothing was installed")


def _installed() -> list[Path]:
    """The places of all files that an install may have written, also an older one."""
    pages = sorted(places.MAN.glob("execdb*.1")) if places.MAN.is_dir() else []
    fixed = (places.UNIT_FILE, places.SYSUSERS_FILE, places.OPTIONS_FILE)
    return [*fixed, *places.COMPLETIONS.values(), *pages]


def _purge(database: Path, say: Say) -> None:
    """Removes the database and what execdb keeps beside it."""
    if (pid := collector_pid(database)) is not None:
        raise ExecdbError(f"process {pid} records to {database}: end it, and try again")
    if remove_database(database, _user(), places.FOLDER):
        say(f"removed the history: {database}")
    else:
        say(f"there is no history to remove: {database}")


def _remove_user(folder: Path, say: Say) -> None:
    """Only when nothing belongs to it any more: another user could get its number."""
    if _user() is None:
        return
    if any(map(os.path.lexists, _kept(folder))):
        say(f"the user {places.USER} stays: {folder} belongs to it")
        return
    systemd.call("userdel", places.USER)


def _kept(folder: Path) -> Iterable[Path]:
    return folder, places.FOLDER
