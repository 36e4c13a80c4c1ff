"""bpf(2), perf_event_open(2), membarrier(2) and pidfd_getfd(2), made directly.

Sources: bpf(2), perf_event_open(2), membarrier(2), pidfd_getfd(2), `union bpf_attr` in the kernel's
include/uapi/linux/bpf.h.
"""

import ctypes
import errno
import fcntl
import os
import struct
import time

from execdb.bpf import arch

MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM, MAP_DELETE_ELEM, MAP_GET_NEXT_KEY = 1, 2, 3, 4
RAW_TRACEPOINT_OPEN = 17
MAP_LOOKUP_BATCH = 24
_MAP_GET_FD_BY_ID, _OBJ_GET_INFO_BY_FD = 14, 15
_PIDFD_GETFD = 438  # on all architectures
_MEMBARRIER_GLOBAL = 1  # MEMBARRIER_CMD_GLOBAL
_PROGRAMS_END_S = 0.02

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _call(call: int, name: str, *arguments: object) -> int:
    result: int = _libc.syscall(ctypes.c_long(call), *arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def bpf(command: int, attributes: bytes) -> int:
    """One bpf() call; `attributes` is the packed `union bpf_attr`. Raises OSError."""
    return _call(
        arch.this().bpf,
        f"bpf({command})",
        ctypes.c_int(command),
        ctypes.c_char_p(attributes),
        ctypes.c_uint(len(attributes)),
    )


def bpf_both_ways(command: int, attributes: bytearray) -> None:
    """The same for a call that writes into the attributes, even if it fails. Raises OSError."""
    there = (ctypes.c_char * len(attributes)).from_buffer(attributes)
    number = ctypes.c_int(command)
    _call(arch.this().bpf, f"bpf({command})", number, there, ctypes.c_uint(len(attributes)))


def map_by_id(number: int) -> int:
    """A descriptor of a map of any process. Needs CAP_SYS_ADMIN. Raises OSError."""
    return bpf(_MAP_GET_FD_BY_ID, struct.pack("III", number, 0, 0))


def descriptor_of(pidfd: int, number: int) -> int:
    """A copy of a descriptor of another process. Needs the right to trace it. Raises OSError."""
    arguments = ctypes.c_int(pidfd), ctypes.c_int(number), ctypes.c_uint(0)
    return _call(_PIDFD_GETFD, "pidfd_getfd", *arguments)


def map_info(fd: int, size: int) -> bytes:
    """The first bytes of the `struct bpf_map_info` of a map. Raises OSError."""
    info = ctypes.create_string_buffer(size)
    bpf(_OBJ_GET_INFO_BY_FD, struct.pack("IIQ", fd, size, ctypes.addressof(info)))
    return info.raw


def forbidden() -> str | None:
    """Which of bpf(2) and perf_event_open(2) a seccomp filter forbids here; None: neither. The
    kernel itself only says of these calls that they make no sense."""
    nonsense = ctypes.c_ulong(-1)
    calls = {"bpf": arch.this().bpf, "perf_event_open": arch.this().perf_event_open}
    for name, call in calls.items():
        try:
            _call(call, name, nonsense, None, nonsense, nonsense, nonsense)
        except OSError as error:
            if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):
                return name
    return None


def wait_for_programs() -> None:
    """Returns when every BPF program that runs now has ended: they run as RCU readers, for which
    MEMBARRIER_CMD_GLOBAL waits (kernel/sched/membarrier.c). A kernel with nohz_full CPUs refuses
    it; then this waits for longer than a program takes."""
    try:
        _call(
            arch.this().membarrier,
            "membarrier",
            ctypes.c_int(_MEMBARRIER_GLOBAL),
            ctypes.c_uint(0),
            ctypes.c_int(0),
        )
    except OSError:
        time.sleep(_PROGRAMS_END_S)


def open_raw_tracepoint(name: str, program: int) -> int:
    """Attaches a loaded program; closing the returned descriptor detaches it. Raises OSError."""
    text = ctypes.create_string_buffer(name.encode())
    return bpf(RAW_TRACEPOINT_OPEN, struct.pack("QII", ctypes.addressof(text), program, 0))


def attach_tracepoint(number: int, program: int) -> int:
    """Attaches to a classic tracepoint, by its number in tracefs, on all CPUs; closing the returned
    descriptor detaches it. Raises OSError."""
    attributes = _PERF_ATTR.pack(_TRACEPOINT, _PERF_ATTR.size, number, 1, 0, 0, 0, 1, 0, 0, 0)
    return _attach_event(attributes, program)


def attach_kprobe(pmu: int, function: str, returns: bool, program: int) -> int:
    """Attaches to the entry of a kernel function, or to every return of it; `pmu` is the number in
    /sys/bus/event_source/devices/kprobe/type. Raises OSError."""
    name = ctypes.create_string_buffer(function.encode())
    attributes = _PERF_ATTR.pack(
        pmu, _PERF_ATTR.size, int(returns), 0, 0, 0, 0, 0, 0, ctypes.addressof(name), 0
    )
    return _attach_event(attributes, program)


def _attach_event(attributes: bytes, program: int) -> int:
    event = _perf_event_open(attributes, cpu=0)  # the program runs on whichever CPU it fires
    try:
        fcntl.ioctl(event, arch.this().ioc_write | _SET_BPF, program)
        enable(event)
    except OSError:
        os.close(event)
        raise
    return event


# perf_event_attr up to PERF_ATTR_SIZE_VER1 (72 bytes): type, size, config, sample_period,
# sample_type, read_format, flags, wakeup_events, bp_type, config1, config2.
_PERF_ATTR = struct.Struct("IIQQQQQIIQQ")
_SOFTWARE, _TRACEPOINT = 1, 2  # PERF_TYPE_*
_BPF_OUTPUT, _SAMPLE_RAW, _WATERMARK = 10, 1 << 10, 1 << 14
_ENABLE, _SET_BPF = 0x2400, 0x42408  # PERF_EVENT_IOC_*, without the direction bits
_CLOEXEC = 1 << 3


def open_bpf_output(cpu: int, wake_bytes: int) -> int:
    """A perf event that receives bpf_perf_event_output() of one CPU. Raises OSError.

    It wakes a poll() once per `wake_bytes`: a wake-up for each event would cost several times the
    event itself.
    """
    attributes = _PERF_ATTR.pack(
        _SOFTWARE, _PERF_ATTR.size, _BPF_OUTPUT, 0, _SAMPLE_RAW, 0, _WATERMARK, wake_bytes, 0, 0, 0
    )
    return _perf_event_open(attributes, cpu)


def enable(event: int) -> None:
    """Starts an event that was opened. Raises OSError."""
    fcntl.ioctl(event, arch.this().ioc_none | _ENABLE, 0)


def _perf_event_open(attributes: bytes, cpu: int) -> int:
    return _call(
        arch.this().perf_event_open,
        "perf_event_open",
        ctypes.c_char_p(attributes),
        ctypes.c_int(-1),
        ctypes.c_int(cpu),
        ctypes.c_int(-1),
        ctypes.c_ulong(_CLOEXEC),
    )
