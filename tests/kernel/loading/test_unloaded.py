"""BPF objects touched by others while a collector uses them. A program or a map lives as long as
someone holds it, and others cannot detach a raw tracepoint's link; here is what they can do."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from execdb.collector.kernel_source import KernelSource
from tests.kernel.bpf_state import bpftool, held
from tests.kernel.ground_truth import finish, storm, storm_events
from tests.kernel.recorder import PATIENCE_S, Recorder, wait_for


def map_of(pid: int, name: str) -> str:
    """The id of its map: others' maps have the same names."""
    ids = held(pid, "map_id")
    (found,) = {m["id"] for m in bpftool("map", "show") if m["id"] in ids and m["name"] == name}
    return str(found)


def test_others_cannot_detach_it(recorder: Recorder, programs: Path) -> None:
    links = held(recorder.process.pid, "link_id")
    assert len(links) == 3
    for link in links:
        answer = bpftool("link", "detach", "id", str(link), check=False)
        assert "not supported" in answer["error"]
    finish(storm(programs, 101))
    recorder.stop()
    assert len(storm_events(recorder, programs)) == 101


def take_rings_away(recorder: Recorder) -> None:
    output = map_of(recorder.process.pid, "output")
    for cpu in range(os.cpu_count() or 1):
        key = [str(byte) for byte in cpu.to_bytes(4, "little")]
        bpftool("map", "delete", "id", output, "key", *key)


@pytest.mark.alone
def test_the_spare_ring_does_the_work_of_those_that_were_taken_away(
    recorder: Recorder, programs: Path
) -> None:
    """Ten times over, and from two CPUs at once."""
    take_rings_away(recorder)
    finish(storm(programs, 12_007, 12_011, argument_bytes=353))
    assert ", 0 lost, " in recorder.stop()
    events = recorder.events()
    times = [event["boot_ns"] for event in events]
    assert times == sorted(times)
    ours = [event for event in events if event["filename"] == str(programs / "nothing")]
    assert len(ours) == 12_007 + 12_011
    assert {event["ended"] for event in ours} == {"exit"}


@pytest.mark.thorough
def test_a_full_spare_ring_loses_and_counts(
    record: Callable[..., Recorder], programs: Path
) -> None:
    recorder = record("--ring-pages", "128")
    take_rings_away(recorder)
    recorder.process.send_signal(signal.SIGSTOP)
    finish(storm(programs, 5_003, 5_009))
    recorder.process.send_signal(signal.SIGCONT)

    def has_room() -> bool:
        subprocess.run(["true", "after"], check=True)
        return bool(recorder.events("--ppid", str(os.getpid()), "--arg", "after"))

    wait_for(has_room, "an event")
    summary = recorder.stop()
    (run,) = json.loads(recorder.run("status", "--format", "json"))["runs"]
    assert run["seen"] == run["stored"] + run["lost"]
    stored = len(storm_events(recorder, programs))
    assert run["lost"] >= 5_003 + 5_009 - stored > 1_000
    assert f", {run['lost']} lost (ring full), " in summary


def test_a_map_that_is_frozen_ends_it_in_a_line(recorder: Recorder) -> None:
    """Nothing can be written to it any more, by anyone: a change of the config cannot follow."""
    bpftool("map", "freeze", "id", map_of(recorder.process.pid, "config"))
    recorder.run("config", "set", "0", "too late", check=False)
    assert recorder.process.wait(PATIENCE_S) == 1
    assert recorder.log.splitlines()[1:] == [
        "execdb: the kernel refuses to change the config map (Operation not permitted): something "
        "else has frozen or filled it; start again"
    ]


def test_links_that_are_closed_are_noticed() -> None:
    """As a debugger could have the collector do."""
    with closing(KernelSource(1)) as source:
        source.attach()
        assert source.gone() is None
        (link, *_) = [
            int(fd)
            for fd in os.listdir("/proc/self/fd")
            if os.path.islink(f"/proc/self/fd/{fd}")
            and "bpf_link" in os.readlink(f"/proc/self/fd/{fd}")
        ]
        os.close(link)
        assert "detached the BPF programs" in str(source.gone())
        assert os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC) == link  # closed with the source
        assert "detached the BPF programs" in str(source.gone())
