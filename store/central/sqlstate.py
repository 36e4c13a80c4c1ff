"""With which code a server refuses a connection.

Of an error at connecting the driver tells only the text, which is in the server's language. libpq
knows the code, and writes it into the trace of a connection (PQtrace).
"""

import os
import re
import select
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn

_LIMIT_S = 10.0
_KEPT_MAX = 16
_TRACE_MAX = 1 << 20  # bytes
# The fields before the code are the severity, in the server's language and in English.
_CODE = re.compile(r'\tErrorResponse\t (?:[A-Z] "[^"\n]*" )*?C "([0-9A-Z]{5})"')
# Severity, colon, two spaces: libpq's own errors do not look like this.
_SAID_BY_SERVER = re.compile(r"\w:  \S")
_known: dict[str, str] = {}


def code_of(text: str, conninfo: str) -> str | None:
    """The SQLSTATE of an error at connecting with this text. Unless it is known from an earlier
    error, the connection is tried once more for it. None if it is not the server that refused, if
    it does not refuse again, or if libpq is older than 18, whose trace lacks it."""
    if text not in _known and _SAID_BY_SERVER.search(text):
        code = _refused_with(conninfo)
        if code is not None:
            if len(_known) >= _KEPT_MAX:
                _known.clear()
            _known[text] = code
    return _known.get(text)


def _refused_with(conninfo: str) -> str | None:
    from psycopg.pq import PGconn

    trace = os.memfd_create("execdb", os.MFD_CLOEXEC)  # it has the answer to the password question
    try:
        connection = PGconn.connect_start(conninfo.encode())
        try:
            connection.trace(trace)
            _poll(connection)
            connection.untrace()
        finally:
            connection.finish()
        text = os.pread(trace, _TRACE_MAX, 0).decode("utf-8", "replace")
    finally:
        os.close(trace)
    codes = _CODE.findall(text)
    return codes[-1] if codes else None


def _poll(connection: "PGconn") -> None:
    """Until the connection is made or refused, or it takes too long."""
    from psycopg.pq import PollingStatus

    waits = {PollingStatus.READING: select.POLLIN, PollingStatus.WRITING: select.POLLOUT}
    deadline_s = time.monotonic() + _LIMIT_S
    while (waits_for := waits.get(PollingStatus(connection.connect_poll()))) is not None:
        socket = select.poll()
        socket.register(connection.socket, waits_for)
        left_s = deadline_s - time.monotonic()
        if left_s <= 0 or not socket.poll(left_s * 1_000):
            return
