"""What BPF programs cost the processes they run in, as the kernel itself counts it."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from tests.bench.peers.packages import output

_CLOCK = Path("/proc/sys/kernel/bpf_stats_enabled")


def programs() -> dict[int, int]:
    """Run time in ns, by id, of every BPF program that is loaded. Raises Unavailable."""
    found = json.loads(output("bpftool", "--json", "prog", "show"))
    return {program["id"]: program.get("run_time_ns", 0) for program in found}


@contextlib.contextmanager
def clock() -> Iterator[None]:
    """Has the kernel count run times inside; the setting is put back."""
    before = _CLOCK.read_text()
    _CLOCK.write_text("1")
    try:
        yield
    finally:
        _CLOCK.write_text(before)
