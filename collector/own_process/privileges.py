"""Drops the privileges that the process no longer needs once it records (capabilities(7),
credentials(7), prctl(2)). There is no way back."""

import ctypes
import os
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from execdb.store.errors import RecordingError

CAP_BPF = 39
_SETGID, _SETUID, _SETPCAP = 6, 7, 8
_NAMES = {CAP_BPF: "CAP_BPF"}

# linux/prctl.h
_SET_DUMPABLE, _SET_KEEPCAPS, _CAPBSET_DROP, _SET_NO_NEW_PRIVS = 4, 8, 24, 38
_CAP_AMBIENT, _CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITY_VERSION_3 = 0x20080522
_libc = ctypes.CDLL(None, use_errno=True)


def drop(uid: int, gid: int, needs: Mapping[int, Callable[[], object]]) -> list[str]:
    """Becomes that user, without capabilities and without a way to get any; returns the names of
    the capabilities that it had to keep. Without the right to change users the process keeps its
    own. Other processes of that user can neither inspect this one nor take its descriptors.

    `needs` maps capabilities that some kernels require to a test: a capability is kept if the test
    raises PermissionError without it. Raises RecordingError.
    """
    held = _held()
    _end_threads()
    if _SETPCAP in held:
        _drop_bounding_set()
    _prctl(_SET_KEEPCAPS, 1)
    if {_SETUID, _SETGID} <= held:
        _become(uid, gid)
    _prctl(_SET_DUMPABLE, 0)  # before the capabilities go, which have kept others away so far
    _capset((), held)  # still permitted, until it is known which are needed
    kept = [capability for capability, need in needs.items() if _denied(need)]
    kept = [capability for capability in kept if capability in held]
    _prctl(_CAP_AMBIENT, _CAP_AMBIENT_CLEAR_ALL)
    _capset(kept, kept)
    _prctl(_SET_NO_NEW_PRIVS, 1)
    return [_NAMES[capability] for capability in kept]


def may_become(uid: int) -> bool:
    """Whether this process is that user, or can become that user."""
    return os.getresuid() == (uid,) * 3 or {_SETUID, _SETGID} <= _held()


def _held() -> set[int]:
    """The permitted capabilities (proc_pid_status(5), CapPrm)."""
    for line in Path("/proc/thread-self/status").read_text().splitlines():
        if line.startswith("CapPrm:"):
            mask = int(line.split()[1], 16)
            return {bit for bit in range(64) if mask >> bit & 1}
    return set()


def _end_threads() -> None:
    """Waits for the threads that helped to start, which are about to end: each thread has
    capabilities of its own."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(5)
            if thread.is_alive():
                raise RuntimeError(f"{thread.name} would keep its privileges")


def _drop_bounding_set() -> None:
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(last + 1):
        _prctl(_CAPBSET_DROP, capability)


def _become(uid: int, gid: int) -> None:
    try:
        os.setgroups(())
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        raise RecordingError(f"cannot become uid {uid}: {error.strerror}") from error


def _denied(need: Callable[[], object]) -> bool:
    try:
        need()
    except PermissionError:
        return True
    return False


def _prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    if _libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero):
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}, {value}): {os.strerror(number)}")


def _capset(effective: Iterable[int], permitted: Iterable[int]) -> None:
    """This thread's capabilities (capset(2)); none can be inherited."""
    sets = [sum(1 << bit for bit in bits) for bits in (effective, permitted, ())]
    data = struct.pack("6I", *(part >> shift & 0xFFFFFFFF for shift in (0, 32) for part in sets))
    if _libc.capset(struct.pack("Ii", _CAPABILITY_VERSION_3, 0), data):
        number = ctypes.get_errno()
        raise OSError(number, f"capset: {os.strerror(number)}")
