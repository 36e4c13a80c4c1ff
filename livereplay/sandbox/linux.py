"""System calls that Python does not have, with errors as OSError."""

import ctypes
import os

PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_SECUREBITS, PR_SET_TIMERSLACK = 1, 24, 28, 29
PR_SET_SECCOMP, PR_CAP_AMBIENT = 22, 47
CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND = 1, 2, 4, 32, 0x1000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
MNT_DETACH = 2
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES = -3, 128 << 10
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def give_back_what_is_freed() -> None:
    """mallopt(3), M_MMAP_THRESHOLD: large pieces of memory are mappings of their own. Otherwise the
    C library stops doing so for growing sizes, and long arrays that grow leave holes behind."""
    if hasattr(_libc, "mallopt"):  # glibc alone has it
        _libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)


def prctl(option: int, *arguments: int) -> None:
    """prctl(2)."""
    values = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    _check(_libc.prctl(option, *values), f"prctl({option})")


def unshare(flags: int) -> None:
    """unshare(2)."""
    _check(_libc.unshare(flags), "unshare")


def sethostname(name: bytes) -> None:
    """sethostname(2)."""
    _check(_libc.sethostname(name, len(name)), "sethostname")


def mount(source: bytes, target: bytes, kind: bytes, flags: int, data: bytes = b"") -> None:
    """mount(2)."""
    number = ctypes.c_ulong(flags)
    _check(_libc.mount(source, target, kind, number, data), f"mount {target.decode()}")


def pivot_root(machine: str, new: bytes, old: bytes) -> None:
    """pivot_root(2)."""
    call = ctypes.c_long(_PIVOT_ROOT[machine])
    _check(_libc.syscall(call, new, old), "pivot_root")


def detach(target: bytes) -> None:
    """umount2(2) with MNT_DETACH."""
    _check(_libc.umount2(target, MNT_DETACH), f"umount {target.decode()}")


def capset(header: bytes, data: bytes) -> None:
    """capset(2)."""
    _check(_libc.capset(header, data), "capset")


def address_of(raw: bytes) -> tuple[int, object]:
    """Where a copy of these bytes is, and the object that keeps it there."""
    copy = ctypes.create_string_buffer(raw, len(raw))
    return ctypes.addressof(copy), copy
