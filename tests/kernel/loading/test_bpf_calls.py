"""What docs/bpf-calls.md claims: the bpf() calls of a recording, as strace sees them."""

import contextlib
import os
import re
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

from execdb.bpf.cpus import online_cpus
from execdb.bpf.syscall import bpf
from tests.kernel.bpf_state import held, held_map, programs_of
from tests.kernel.ground_truth import finish, storm, storm_events
from tests.kernel.recorder import Recorder, wait_for

PROG_GET_FD_BY_ID, MAP_GET_FD_BY_ID = 13, 14  # bpf(2)


def _strace(log: Path) -> list[str | Path]:
    """As a tracer aside, so that the traced program is the child of whoever starts it."""
    return ["strace", "-D", "-f", "-o", log, "-e", "trace=bpf,perf_event_open,ioctl"]


def _calls(log: Path, pid: int | None = None) -> list[str]:
    """The calls in a log, put together where another one came between, and without what is
    asked of terminals and files. Of one thread, or of all."""
    begun: dict[str, str] = {}
    calls = []
    for line in log.read_text().splitlines():
        thread, text = line.split(None, 1)
        if text.endswith(" <unfinished ...>"):
            begun[thread] = text.removesuffix(" <unfinished ...>")
            continue
        text = re.sub(r"^<\.\.\. \w+ resumed>", lambda _, t=thread: begun.pop(t), text)
        if text.startswith(("bpf(", "perf_event_open(")) or "PERF_EVENT_IOC" in text:
            calls.append((int(thread), text))
    return [text for thread, text in calls if pid is None or thread == pid]


def _on(calls: list[str], fd: int) -> list[str]:
    """The commands that concern a map, in their order."""
    concerns = re.compile(rf"bpf\((BPF_MAP_\w+), {{.*\bmap_fd={fd}, .* = (-?\d+)")
    found = map(concerns.match, calls)
    return [match[1] for match in found if match]


def _there(command: int, numbers: set[int]) -> set[int]:
    """Those of these programs, or maps, that the kernel has."""
    found = set()
    for number in numbers:
        with contextlib.suppress(FileNotFoundError):
            os.close(bpf(command, struct.pack("3I", number, 0, 0)))
            found.add(number)
    return found


def test_the_way_of_the_chapter(
    record: Callable[..., Recorder], programs: Path, tmp_path: Path
) -> None:
    log = tmp_path / "calls"
    recorder = record(under=_strace(log))
    pid = recorder.process.pid
    config, output = held_map(pid, "config"), held_map(pid, "output")
    begun = len(_calls(log))
    programs_held = held(pid, "prog_id")
    maps_held = {number for each in programs_of(pid) for number in each["map_ids"]}
    assert len(_there(PROG_GET_FD_BY_ID, programs_held)) == 3
    assert maps_held >= held(pid, "map_id") >= {int(config.id), int(output.id)}
    assert _there(MAP_GET_FD_BY_ID, maps_held) == maps_held

    recorder.run("config", "set", "0", "Hey root!")
    recorder.run("config", "set", "0", "Hey root!")
    recorder.run("config", "unset", "0")
    subprocess.run(["true", "one event"], check=True)
    finish(storm(programs, 1009))
    wait_for(lambda: len(storm_events(recorder, programs)) == 1009, "the events")
    recorder.stop()
    ended = re.compile(rf"^{pid} +\+\+\+ exited with 0 ", re.MULTILINE)
    wait_for(lambda: ended.search(log.read_text()), "strace to end")

    _check_start(_calls(log)[:begun], _calls(log, pid))
    after = _calls(log)[begun:]
    # One call for one change, none where nothing changes; events make none.
    changes = [c for c in _on(after, config.fd) if "GET" not in c and "LOOKUP" not in c]
    assert changes == ["BPF_MAP_UPDATE_ELEM", "BPF_MAP_DELETE_ELEM"]
    assert "BPF_MAP_LOOKUP_BATCH" in _on(after, config.fd)
    assert _on(after, output.fd) == []
    assert not [call for call in after if call.startswith(("perf_event_open", "ioctl"))]
    assert len(after) < 1009

    wait_for(lambda: not _there(PROG_GET_FD_BY_ID, programs_held), "the programs to go")
    wait_for(lambda: not _there(MAP_GET_FD_BY_ID, maps_held), "the maps to go")


def _check_start(calls: list[str], collectors: list[str]) -> None:
    """Maps and programs are made by the loader child, rings by the collector."""

    def count(pattern: str, calls: list[str] = calls) -> int:
        return len([call for call in calls if re.search(pattern, call)])

    assert count(r'MAP_CREATE.*_HASH, key_size=4, value_size=12, max_entries=10240.*"config"') == 1
    assert count(r'MAP_CREATE.*_PERF_EVENT_ARRAY.*"output"') == 1
    for program in ("on_fork", "on_exit", "on_exec"):
        assert count(rf'PROG_LOAD.*_RAW_TRACEPOINT.*"{program}"') == 1
    assert count("PROG_LOAD|MAP_CREATE", collectors) == 0
    assert count("RAW_TRACEPOINT_OPEN", collectors) == 3
    cpus = len(online_cpus())
    assert count("^perf_event_open.*PERF_COUNT_SW_BPF_OUTPUT") == cpus
    assert count("^ioctl.*PERF_EVENT_IOC_ENABLE") == cpus
