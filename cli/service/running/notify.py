"""What a recording tells the service manager: ready, alive, how much was recorded, stopping.

The datagrams and variables are those of sd_notify(3) and sd_watchdog_enabled(3).
"""

import contextlib
import os
import socket
from collections.abc import Callable, MutableMapping

_SOCKET, _WATCHDOG, _WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
_STATUS_S = 5.0  # how often the status is sent at most


class ServiceManager:
    """Without an `address` nothing is sent. After `watchdog_s` seconds without a sign of life the
    manager takes the process for stuck; None: never. Sending never waits, and its errors are
    ignored, so that no recording depends on the manager."""

    def __init__(self, address: str | None, watchdog_s: float | None) -> None:
        self._socket: socket.socket | None = None
        self._alive_every_s = None if watchdog_s is None else watchdog_s / 4
        self._alive_at_s = self._status_at_s = 0.0
        self._status = ""
        if address is not None and address[:1] in ("/", "@"):
            self._socket = _connected(address)

    @property
    def is_there(self) -> bool:
        return self._socket is not None

    def ready(self, status: str) -> None:
        self._send(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        self._send("STOPPING=1\nSTATUS=storing the rest")

    def alive(self, now_s: float, status: Callable[[], str]) -> None:
        """To be called in each round of the main loop. Calls `status` every few seconds."""
        if self._socket is None:
            return
        lines = []
        if self._alive_every_s is not None and now_s >= self._alive_at_s:
            self._alive_at_s = now_s + self._alive_every_s
            lines.append("WATCHDOG=1")
        if now_s >= self._status_at_s:
            self._status_at_s = now_s + _STATUS_S
            before, self._status = self._status, status()
            if self._status != before:
                lines.append(f"STATUS={self._status}")
        if lines:
            self._send("\n".join(lines))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, text: str) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.send(text.encode("utf-8", "replace"), socket.MSG_DONTWAIT)


def _connected(address: str) -> socket.socket | None:
    """`@NAME` is an abstract address (unix(7))."""
    own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        own.connect(f"\0{address[1:]}" if address[0] == "@" else address)
    except OSError:
        own.close()
        return None
    return own


def service_manager(environment: MutableMapping[str, str]) -> ServiceManager:
    """The one that started this process, if any. Removes its variables from the environment:
    otherwise child processes would act on them."""
    address = environment.pop(_SOCKET, None)
    usec, pid = environment.pop(_WATCHDOG, ""), environment.pop(_WATCHDOG_PID, str(os.getpid()))
    watched = usec.isascii() and usec.isdecimal() and int(usec) > 0 and pid == str(os.getpid())
    return ServiceManager(address, int(usec) / 1e6 if watched else None)
