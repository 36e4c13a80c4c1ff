"""Lines for the journal, which takes the priority of each from its beginning (sd-daemon(3))."""

import contextlib
import os
from collections.abc import Mapping

_ERROR, _WARNING, _INFO = "<3>", "<4>", "<6>"


def is_journal(fd: int, environment: Mapping[str, str]) -> bool:
    """Whether the descriptor leads to the journal: JOURNAL_STREAM names its device and inode
    (systemd.exec(5))."""
    with contextlib.suppress(OSError):
        status = os.fstat(fd)
        return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
    return False


def with_priority(line: str) -> str:
    """Every line gets one: the journal would believe what recorded text at the beginning of a line
    says, and sends an emergency to all terminals."""
    if line.startswith("execdb: "):
        return _ERROR + line
    return (_WARNING if line.startswith("warning: ") else _INFO) + line
