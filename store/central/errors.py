"""What can be wrong with a central store, as one sentence each."""

from execdb.store.central.url import CentralUrl
from execdb.store.errors import ExecdbError


class CentralError(ExecdbError):
    """It cannot be reached, or does not do what it is asked for."""


class CentralSchemaError(CentralError):
    """It holds no schema of execdb, or one of another revision."""


class PartitionMissing(CentralError):
    """The partition of a row's day was removed since it was last looked up."""


_LENGTH_MAX = 300


def sentence(url: CentralUrl, text: str) -> str:
    """What the driver or the server said, in one line that a terminal can show. Neither is to be
    trusted with passwords or control characters."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("CONTEXT:", "HINT:"))]
    line = lines[0] if lines else ""  # of several addresses the latest; the others follow
    for noise in ("connection failed: ", "connection is bad: "):
        line = line.removeprefix(noise)
    printable = "".join(char if char.isprintable() else "?" for char in line)
    return url.without_secrets(printable)[:_LENGTH_MAX].rstrip(". ") or "no reason was given"
