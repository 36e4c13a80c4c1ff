"""The machine's CPUs, from sysfs (Documentation/admin-guide/cputopology.rst)."""

from pathlib import Path

_FOLDER = Path("/sys/devices/system/cpu")


def online_cpus() -> list[int]:
    """The numbers of the CPUs that run now."""
    return _cpu_list((_FOLDER / "online").read_text())


def possible_cpus() -> int:
    """How many CPUs the kernel can have, numbers 0 to N-1: the size of its per-CPU tables."""
    return _cpu_list((_FOLDER / "possible").read_text())[-1] + 1


def _cpu_list(text: str) -> list[int]:
    """`0-2,5` as [0, 1, 2, 5]."""
    cpus: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        cpus.extend(range(int(first), int(last or first) + 1))
    return cpus
