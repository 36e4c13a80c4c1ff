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
# What libpq and OpenSSL say themselves has no code, and is English: nobody sets their language. The
# rest is what a server says in English, and pgbouncer, whose code is that of any error: they need
# no look for the code (sqlstate.py).
_REFUSALS = re.compile(
    "no password supplied|certificate verify failed|server certificate for|does not support SSL"
    '|root certificate file|(certificate file|private key file) ".*" does not exist'
    "|authentication failed|no pg_hba.conf entry|not permitted to log in"
    '|(role|database) ".*" does not exist|permission denied'
)
_REFUSAL_CLASSES = ("28", "3D")  # authorization, database
_NO_RIGHTS = "42501"


def is_refusal(code: str | None, text: str) -> bool:
    """Whether an error with this SQLSTATE (None: it has none) and text is a CentralRefusal. A
    server that starts, stops, or has no connection free refuses too, but only for a while."""
    if code is None:
        return bool(_REFUSALS.search(text))
    return code.startswith(_REFUSAL_CLASSES) or code == _NO_RIGHTS


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
