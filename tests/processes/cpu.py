"""What a process has cost."""

import os
from pathlib import Path


def cpu_s(pid: int) -> float:
    """CPU time of a process, also in the kernel: `utime` and `stime` of proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
