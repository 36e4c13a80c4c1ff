"""Ends a connection that does not answer: the driver would wait forever."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from execdb.store.central.connection import central_errors
from execdb.store.central.errors import CentralError
from execdb.store.central.url import CentralUrl

if TYPE_CHECKING:
    from psycopg import Connection


@contextmanager
def deadline(connection: "Connection", url: CentralUrl, limit_s: float) -> Iterator[None]:
    """Within `limit_s` seconds all must be done. Raises CentralError, also instead of the driver's
    errors; the connection is closed then."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        with suppress(OSError, ValueError), socket.socket(fileno=os.dup(descriptor)) as copy:
            copy.shutdown(socket.SHUT_RDWR)  # wakes whoever waits for it

    with central_errors(url):
        descriptor = connection.fileno()
    timer = threading.Timer(limit_s, cut)
    timer.daemon = True
    timer.start()
    try:
        with central_errors(url):
            yield
    except CentralError as error:
        if late.is_set():
            raise CentralError(f"{url} has not answered for {limit_s:g} s") from error
        raise
    finally:
        timer.cancel()
