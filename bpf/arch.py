"""Everything that differs between processor architectures.

Sources, in the kernel's tree: arch/*/entry/syscalls/*.tbl and include/uapi/asm-generic/unistd.h
(system call numbers), arch/*/include/asm/syscall_wrapper.h (names of the functions behind
them), arch/*/include/asm/ptrace.h (registers), arch/*/include/uapi/asm/ioctl.h.
"""

import functools
import platform
import struct
from dataclasses import dataclass

from execdb.bpf.errors import KernelError


@dataclass(frozen=True)
class Entry:
    """How kprobes find the system calls of one kind of caller: the prefix of the functions' names,
    and the members of `struct pt_regs` that hold the first three arguments."""

    prefix: str
    arguments: tuple[str, str, str]


@dataclass(frozen=True)
class Arch:
    """One architecture. Kprobes are not supported without `native`; `first` and `result` are the
    registers of a kernel function's first argument and of its result."""

    bpf: int
    perf_event_open: int
    membarrier: int
    ioc_none: int = 0  # direction bits of an ioctl number without an argument,
    ioc_write: int = 1 << 30  # and of one whose argument the kernel reads
    first: str = ""
    result: str = ""
    native: Entry | None = None
    compat: Entry | None = None  # 32-bit callers, if the kernel was built to support them


_ARM_ARGUMENTS = ("regs[0]", "regs[1]", "regs[2]")
_ARCHS = {
    "x86_64": Arch(
        bpf=321,
        perf_event_open=298,
        membarrier=324,
        first="di",
        result="ax",
        native=Entry("__x64_sys_", ("di", "si", "dx")),
        compat=Entry("__ia32_compat_sys_", ("bx", "cx", "dx")),
    ),
    "aarch64": Arch(
        bpf=280,
        perf_event_open=241,
        membarrier=283,
        first="regs[0]",
        result="regs[0]",
        native=Entry("__arm64_sys_", _ARM_ARGUMENTS),
        compat=Entry("__arm64_compat_sys_", _ARM_ARGUMENTS),
    ),
    "riscv64": Arch(bpf=280, perf_event_open=241, membarrier=283),
    "loongarch64": Arch(bpf=280, perf_event_open=241, membarrier=283),
    "ppc64le": Arch(
        bpf=361, perf_event_open=319, membarrier=365, ioc_none=1 << 29, ioc_write=4 << 29
    ),
    "s390x": Arch(bpf=351, perf_event_open=331, membarrier=356),
}


def of(name: str) -> Arch:
    """The architecture with this name (uname(2), machine). Raises KernelError for one that is not
    listed here, and for a 32-bit Python, whose system calls have other numbers."""
    bits = 8 * struct.calcsize("P")
    if name not in _ARCHS or bits != 64:
        raise KernelError(
            f"recording does not support {bits}-bit programs on {name}, "
            f"only 64-bit ones on {', '.join(_ARCHS)}"
        )
    return _ARCHS[name]


@functools.cache  # each system call asks
def this() -> Arch:
    """The architecture that this process runs on. Raises KernelError, as `of` does."""
    return of(platform.machine())
