"""Ends the process with a message if a file that it has mapped is truncated. Reading what is gone,
as SQLite does in the index of its WAL, raises SIGBUS. Python's own signal handlers would run after
the instruction, which the CPU repeats forever; this one runs at once.
"""

import contextlib
import ctypes
import os
import select
import signal

_Handler = ctypes.CFUNCTYPE(None, ctypes.c_int)
_kept: list[object] = []  # ctypes keeps no reference to what C code will call


def end_with(line: str, code: int) -> None:
    """From here on a SIGBUS writes the line to stderr and ends the process with this exit code."""

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
