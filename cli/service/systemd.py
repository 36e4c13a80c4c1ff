"""Asks and controls systemd by means of its own commands."""

import contextlib
import os
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from execdb.cli.service import plan
from execdb.cli.service.places import UNIT
from execdb.store.errors import ExecdbError

_PROPERTIES = (
    "LoadState", "UnitFileState", "ActiveState", "SubState", "Result", "MainPID", "NRestarts",
    "ActiveEnterTimestamp", "StatusText",
)  # fmt: skip
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"}


def require_systemd() -> None:
    """Raises ExecdbError if systemd does not run here (sd_booted(3))."""
    if not Path("/run/systemd/system").is_dir():
        raise ExecdbError(
            "systemd does not run here: execdb service install --print shows what it would get"
        )


def require_rights() -> None:
    """Raises ExecdbError if systemd does not run here, or if this is not root."""
    require_systemd()
    if os.geteuid() != 0:
        raise ExecdbError("only root may do this: try sudo")


def call(*command: str) -> str:
    """Its output. Raises ExecdbError with what it said if it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", env=_ENVIRONMENT
        )
    except OSError as error:
        raise ExecdbError(f"cannot run {command[0]}: {error.strerror}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit {done.returncode}"]
        raise ExecdbError(f"{' '.join(command)}: {said[0]}")
    return done.stdout


def properties(unit: str = UNIT) -> dict[str, str]:
    """Those of a unit. Raises ExecdbError."""
    require_systemd()
    text = call("systemctl", "show", unit, *(f"--property={name}" for name in _PROPERTIES))
    return dict(line.partition("=")[::2] for line in text.splitlines())


def start(unit: str, verb: str = "start") -> None:
    """Returns once it is ready. Raises ExecdbError with the last error of the unit since this call:
    its journal may hold older ones, of which this start knows nothing."""
    begun_s = time.time()
    try:
        call("systemctl", verb, unit)
    except ExecdbError as error:
        with contextlib.suppress(ExecdbError):  # then it is only what is in the journal so far
            call("journalctl", "--sync")
        raise ExecdbError(why_it_failed(unit, begun_s) or str(error)) from error


def why_it_failed(unit: str = UNIT, since_s: float = 0) -> str:
    """The last error in the journal of a unit, since a time since 1970; empty if there is none."""
    try:
        lines = call(
            "journalctl", "--quiet", "--no-pager", "-o", "cat", "-n", "1", "-p", "err",
            f"--since=@{since_s:.6f}", f"_SYSTEMD_UNIT={unit}",
        )  # fmt: skip
    except ExecdbError:
        return ""
    return lines.strip().removeprefix("execdb: ")


def time_ns(text: str) -> int | None:
    """A time as systemctl shows it in UTC, `Thu 2026-11-26 12:23:47 UTC`; None if there is none."""
    try:
        found = datetime.strptime(text, "%a %Y-%m-%d %H:%M:%S %Z").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(found.timestamp()) * 1_000_000_000


def options(pid: int) -> dict[str, str]:
    """The options that decide what the service removes: of its command line, or of the file."""
    found = {name: str(value) for name, value in plan.collect_options().items()}
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        words = []
    found |= long_options(words)
    return {name: found[name] for name in ("keep", "max-size") if name in found}


def long_options(words: Sequence[str]) -> dict[str, str]:
    """Those of a command line with their values, `--keep 7d` or `--keep=7d`; of several the last
    one."""
    found = {}
    for word, following in zip(words, [*words[1:], ""], strict=False):
        name, is_joined, value = word.partition("=")
        if name.startswith("--"):
            found[name[2:]] = value if is_joined else following
    return found
