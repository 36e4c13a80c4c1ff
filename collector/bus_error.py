"""An end with a line where a file that this process has mapped was truncated: the kernel sends
SIGBUS to whoever reads what is gone, as SQLite does in the index of its WAL. Python's own handlers
run after that instruction, which is tried again for ever; this one runs at once.
"""

import contextlib
import ctypes
import os
import select
import signal

_Handler = ctypes.CFUNCTYPE(None, ctypes.c_int)
_kept: list[object] = []  # ctypes does not hold what C code is to call


def end_with(line: str, code: int) -> None:
    """What a SIGBUS does from here on: writes the line to stderr and ends the process."""

    def handle(_: int) -> None:
        with contextlib.suppress(OSError, ValueError):
            if select.select([], [2], [], 0)[1]:  # a terminal may be stopped
                os.write(2, line.encode(errors="replace") + b"\n")
        os._exit(code)

    handler = _Handler(handle)
    _kept.append(handler)
    libc = ctypes.CDLL(None)
    libc.signal.argtypes, libc.signal.restype = [ctypes.c_int, _Handler], ctypes.c_void_p
    libc.signal(signal.SIGBUS, handler)
