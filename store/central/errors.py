"""What can be wrong with a central store, as one sentence each."""

import re

from execdb.store.central.url import CentralUrl
from execdb.store.errors import ExecdbError


class CentralError(ExecdbError):
    """It cannot be reached, or does not do what it is asked for."""


class CentralRefusal(CentralError):
    """It refuses, and will do so until somebody changes something: a password, a role, a
    certificate, a database. Trying again does not help."""


class CentralSchemaError(CentralRefusal):
    """It holds no schema of execdb, or one of another revision."""


class PartitionMissing(CentralError):
    """The partition of a row's day was removed since it was last looked up."""


_LENGTH_MAX = 300
# The driver tells no code of an error at connecting, only a text, which is English unless the
# server was set to another language: then the refusal is taken for a fault that may pass.
_REFUSALS = re.compile(
    "authentication failed|no password supplied|no pg_hba.conf entry|not permitted to log in"
    '|(role|database|certificate file|private key file) ".*" does not exist|permission denied'
    "|certificate verify failed|server certificate for|does not support SSL"
)
_REFUSAL_CODES = {"28000", "28P01", "3D000", "42501"}  # authorization, password, database, rights


def is_refusal(code: str | None, text: str) -> bool:
    """Whether an error with this SQLSTATE (None at connecting) and text is a CentralRefusal. A
    server that starts, stops, or has no connection free refuses too, but only for a while."""
    return code in _REFUSAL_CODES or (code is None and bool(_REFUSALS.search(text)))


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
