"""The wire contract of execdb.h in Python: names, sizes and order of a record's fields."""

import struct

MESSAGE_LEN = 12
FLAG_TRUNCATED = 1
ARGS_MAX = 49152

_FIELDS = (
    ("boot_ns", "Q"),
    ("pid", "I"),
    ("ppid", "I"),
    ("uid", "I"),
    ("euid", "I"),
    ("gid", "I"),
    ("message", "12s"),
    ("argc", "I"),
    ("flags", "I"),
    ("filename_len", "I"),
    ("args_len", "I"),
    ("comm", "16s"),
)


def _layout() -> dict[str, tuple[int, int]]:
    offset, layout = 0, {}
    for name, code in _FIELDS:
        size = struct.calcsize("=" + code)
        layout[name] = (offset, size)
        offset += size
    return layout


LAYOUT = _layout()  # name -> (offset, size), both in bytes
EXEC = struct.Struct("=" + "".join(code for _, code in _FIELDS))

COUNTERS = struct.Struct("=QQ")  # seen, lost; of one CPU
