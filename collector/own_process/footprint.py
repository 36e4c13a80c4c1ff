"""Keeps a process that runs for months small: settings of glibc and of the garbage collector."""

import contextlib
import ctypes
import gc
import sys
from importlib.util import find_spec

_SHA2 = ("_sha2",) if sys.version_info >= (3, 12) else ("_sha256", "_sha512")
_HASHES = ("_md5", "_sha1", *_SHA2, "_sha3", "_blake2")  # hashlib without OpenSSL

# mallopt(3). Large buffers come and go with every storm of execs: they get mappings of their own,
# which are returned to the system, and threads share one arena.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGE = 64 * 1024  # bytes


def stay_small() -> None:
    """To be called first, before there are threads."""
    # hashlib loads OpenSSL if it can, and works without it: 5 MiB that a recorder does not need.
    # But some distributions build Python without most of its own hashes.
    if all(map(find_spec, _HASHES)):
        sys.modules["_hashlib"] = None  # type: ignore[assignment]
    with contextlib.suppress(AttributeError):  # only glibc has it
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
        mallopt(_M_TRIM_THRESHOLD, _LARGE)


def settle() -> None:
    """To be called when everything is loaded, or a part: the garbage collector ignores what exists
    now, and memory that was freed during the start goes back to the system."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
