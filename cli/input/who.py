"""Who runs this command, for the log of the config and for marks."""

import contextlib
import os
from pathlib import Path

from execdb.store.config.log import Who
from execdb.store.uids import UID_MAX

_TTY_FIELD = 4  # of /proc/PID/stat, behind the name and the state (proc_pid_stat(5))
_PTS_MAJORS = range(136, 144)  # Documentation/admin-guide/devices.txt
_TTY_MAJOR = 4


def who_am_i() -> Who:
    """The real user, the one who logged in (kept through `sudo`), and the controlling terminal."""
    return Who(os.getuid(), _loginuid(), _tty())


def _loginuid() -> int | None:
    """None if unset, or on a kernel without audit."""
    with contextlib.suppress(OSError, ValueError):
        found = int(Path("/proc/self/loginuid").read_text())
        return found if found <= UID_MAX else None
    return None


def _tty() -> str | None:
    """The name as ps(1) shows it, whatever stdin is."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        stat = Path("/proc/self/stat").read_bytes()
        return tty_name(int(stat[stat.rindex(b")") + 2 :].split()[_TTY_FIELD]))
    return None


def tty_name(number: int) -> str | None:
    """The terminal with this device number, as in /proc/PID/stat; None if there is none."""
    number %= 1 << 32
    major, minor = number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00
    if major in _PTS_MAJORS:
        return f"pts/{minor + 256 * (major - _PTS_MAJORS[0])}"
    if major == _TTY_MAJOR:
        return f"tty{minor}" if minor < 64 else f"ttyS{minor - 64}"
    return f"{major}:{minor}" if number else None
