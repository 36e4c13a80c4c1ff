"""BPF objects touched by others while a collector uses them. A program or a map lives as long as
someone holds it, and others cannot detach a raw tracepoint's link; here is what they can do."""

import json
import os
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

from execdb.collector.source import KernelSource
from tests.kernel.conftest import SBIN, Recorder, finish, storm, wait_for


def bpftool(*arguments: str, check: bool = True) -> Any:
    done = subprocess.run(
        ["bpftool", "-j", *arguments], capture_output=True, text=True, env=SBIN, check=check
    )
    return json.loads(done.stdout or "null")


def held(pid: int, key: str) -> list[int]:
    """The ids that stand under a key (map_id, link_id) in what /proc tells of its descriptors."""
    texts = [info.read_text() for info in Path(f"/proc/{pid}/fdinfo").iterdir()]
    lines = [line.split(":\t") for text in texts for line in text.splitlines()]
    return [int(value) for name, value in lines if name == key]


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
    assert len(recorder.events("--comm", "nothing")) == 101


def test_a_ring_that_is_taken_away_comes_back(recorder: Recorder, programs: Path) -> None:
    """What could not be handed over meanwhile is counted as lost."""
    output = map_of(recorder.process.pid, "output")
    for cpu in range(os.cpu_count() or 1):
        key = [str(byte) for byte in cpu.to_bytes(4, "little")]
        bpftool("map", "delete", "id", output, "key", *key)
    finish(storm(programs, 503))

    def comes_back() -> bool:
        subprocess.run(["true", "back"], check=True)
        return bool(recorder.events("--comm", "true", "--arg", "back"))

    wait_for(comes_back, "an event")
    recorder.stop()
    (run,) = json.loads(recorder.run("status", "--format", "json"))["runs"]
    assert run["seen"] == run["stored"] + run["lost"]
    stored = len(recorder.events("--comm", "nothing"))
    assert stored < 503  # the ring may have come back before the storm was over
    assert run["lost"] >= 503 - stored


def test_a_map_that_is_frozen_ends_it_in_a_line(recorder: Recorder) -> None:
    """Nothing can be written to it any more, by anyone: a change of the config cannot follow."""
    bpftool("map", "freeze", "id", map_of(recorder.process.pid, "config"))
    recorder.run("config", "set", "0", "too late", check=False)
    assert recorder.process.wait(10) == 1
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
