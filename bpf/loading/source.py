"""The C source of the programs, and the flags that it is compiled with."""

import mmap
import re
from collections.abc import Set
from pathlib import Path

from execdb.bpf.cpus import possible_cpus
from execdb.bpf.wire import SPARE_BYTES

FOLDER = Path(__file__).absolute().parents[1] / "c"
CONFIG_MAX = 10_240  # entries of the map `config`
IMAGES_MAX = 65_536  # live processes that are followed; the kernel sets aside memory for each
ATTEMPTS_MAX = 16_384  # calls of execve under way at the same time, where attempts are recorded

_INCLUDE = re.compile(r'^#include "([a-z_.]+)"$', re.MULTILINE)


def program_source(name: str = "execdb.bpf.c") -> str:
    """The program with its own headers inserted: BCC translates map accesses only in the main
    file."""
    return _INCLUDE.sub(lambda match: program_source(match[1]), (FOLDER / name).read_text())


def program_flags(kinds: Set[str], ring_pages: int, first_mnt_ns: int) -> list[str]:
    """-D flags for sizes and options. `kinds` are the kinds of the hooks, `ring_pages` is the size
    of each CPU's ring, `first_mnt_ns` the inode number of the machine's first mount namespace."""
    flags = [
        *("-Xclang", "-disable-llvm-passes"),  # BCC runs these passes itself, afterwards
        f"-DCONFIG_MAX={CONFIG_MAX}",
        f"-DIMAGES_MAX={IMAGES_MAX}",
        f"-DCPUS={possible_cpus()}",
        f"-DSPARE_PAGES={SPARE_BYTES // mmap.PAGESIZE}",
        f"-DPAGE_SIZE={mmap.PAGESIZE}",
        f"-DFIRST_MNT_NS={first_mnt_ns}U",
        f"-DRING_BYTES={ring_pages * mmap.PAGESIZE}LL",
    ]
    if kinds > {"raw_tracepoint"}:
        flags += ["-DATTEMPTS", f"-DATTEMPTS_MAX={ATTEMPTS_MAX}"]
    if "kprobe" in kinds:
        flags.append("-DKPROBES")
    return flags
