"""What this machine supports of what recording needs. Changes nothing."""

import mmap
import os
from pathlib import Path

from execdb.bpf import arch, syscall
from execdb.bpf.cpus import possible_cpus
from execdb.bpf.errors import KernelError

# Of small records a ring of 512 pages takes what a CPU can exec in a second, while the collector is
# held up (see docs/performance.md). It is kernel memory, so many CPUs have smaller rings.
_RING_PAGES, LEAST_RING_PAGES = 512, 128
_ALL_RINGS_PAGES = (32 << 20) // mmap.PAGESIZE

ALLOW_CALLS = (
    "give the container a seccomp profile that allows bpf and perf_event_open, or "
    "--security-opt seccomp=unconfined"
)
_IPC_LOCK, _SYS_ADMIN, _PERFMON, _BPF = 14, 21, 38, 39  # capabilities(7)


def _capable(capability: int) -> bool:
    """Whether this process holds it (proc_pid_status(5), CapEff)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> capability & 1)
    return False


def may_load() -> bool:
    """Whether this process is root, or has CAP_BPF and CAP_PERFMON (capabilities(7))."""
    return _capable(_SYS_ADMIN) or (_capable(_BPF) and _capable(_PERFMON))


def ring_pages_max() -> int | None:
    """The largest ring a CPU may have here, in pages, a power of two; None without a limit.
    perf_event_open(2): CAP_IPC_LOCK lifts kernel.perf_event_mlock_kb."""
    if _capable(_IPC_LOCK):
        return None
    allowed_kib = int(Path("/proc/sys/kernel/perf_event_mlock_kb").read_text())
    data_pages = allowed_kib * 1024 // mmap.PAGESIZE - 1  # one page is control
    return 1 << max(0, data_pages.bit_length() - 1)


def default_ring_pages(cpus: int | None = None, most: int | None = None) -> int:
    """The size of each CPU's ring in pages, for this machine: its CPUs, and what it allows."""
    pages = _RING_PAGES
    while pages > LEAST_RING_PAGES and (cpus or possible_cpus()) * pages > _ALL_RINGS_PAGES:
        pages //= 2
    return min(pages, most or ring_pages_max() or pages)


def lockdown() -> str:
    """`none`, `integrity` or `confidentiality` (kernel_lockdown(7)); the last one forbids BPF
    programs to read kernel memory."""
    try:
        text = Path("/sys/kernel/security/lockdown").read_text()
    except OSError:
        return "none"
    return text.partition("[")[2].partition("]")[0] or "none"


def require() -> None:
    """Raises KernelError if this process cannot load BPF programs on this kernel."""
    arch.this()
    if not may_load():
        raise KernelError("recording needs root (or CAP_BPF and CAP_PERFMON): try sudo")
    if call := syscall.forbidden():
        raise KernelError(f"{call}(2) is forbidden here, as in many containers: {ALLOW_CALLS}")
    if lockdown() == "confidentiality":
        raise KernelError(
            "kernel lockdown is in confidentiality mode, which forbids BPF to read kernel memory: "
            "boot with lockdown=integrity"
        )


def headers_path() -> Path:
    """Where distributions put the running kernel's headers, and where BCC looks for them."""
    return Path(f"/lib/modules/{os.uname().release}/build")


def kernel_headers() -> Path | None:
    """Where the running kernel's headers are installed; None if they are not. (Without headers some
    distributions have a link that leads nowhere.)"""
    return headers_path() if headers_path().is_dir() else None


def kernel_release() -> tuple[int, int]:
    """(major, minor) of the running kernel."""
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int("".join(c for c in minor if c.isdigit()))
