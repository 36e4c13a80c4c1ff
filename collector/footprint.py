"""Keeping a process that lives for months small: glibc and the garbage collector, told so."""

import contextlib
import ctypes
import gc
import sys
from importlib.util import find_spec

_SHA2 = ("_sha2",) if sys.version_info >= (3, 12) else ("_sha256", "_sha512")
_HASHES = ("_md5", "_sha1", *_SHA2, "_sha3", "_blake2")  # of Python's own, behind hashlib

# mallopt(3). Large buffers come and go with every storm: they are mapped on their own and
# given back, and threads share one arena.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGE = 64 * 1024  # bytes


def stay_small() -> None:
    """Call it first, before there are threads."""
    # hashlib loads OpenSSL where it finds it and does without where it does not: 5 MiB that a
    # recorder has no use for. Some distributions build Python without most hashes of its own.
    if all(map(find_spec, _HASHES)):
        sys.modules["_hashlib"] = None  # type: ignore[assignment]
    with contextlib.suppress(AttributeError):  # only glibc has it
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
        mallopt(_M_TRIM_THRESHOLD, _LARGE)


def settle() -> None:
    """Call it when everything is loaded: what there is now stays, and the garbage collector need
    not walk it again and again; what starting has freed goes back to the system."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
