"""The config table and its mirror in the kernel."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.kernel.conftest import EXECDB, PATIENCE_S, Recorder, bpftool, held_map, wait_for


def _entries(map_id: str) -> dict[int, bytes]:
    """The whole map as bpftool sees it, which is independent of execdb."""
    entries = {}
    for entry in bpftool("map", "dump", "id", map_id):
        key, value = (bytes(int(b, 16) for b in entry[part]) for part in ("key", "value"))
        entries[int.from_bytes(key, sys.byteorder)] = value
    return entries


def test_the_next_exec_carries_the_new_message_23_times_of_23(recorder: Recorder) -> None:
    map_id = held_map(recorder.process.pid, "config").id
    for number in range(23):
        message = f"message {number:4d}"
        answer = recorder.run("config", "set", "0", message)
        subprocess.run(["true", message], check=True)
        assert answer == f'uid 0: "{message}" (in the kernel)\n'
        assert _entries(map_id) == {0: message.encode()}
    recorder.stop()
    found = [
        (e["argv"][1], e["message"])
        for e in recorder.events("--comm", "true", "--ppid", str(os.getpid()))
    ]
    assert found == [(f"message {n:4d}", f"message {n:4d}") for n in range(23)]


def test_unset_and_default(recorder: Recorder) -> None:
    recorder.run("config", "set", "0", "Hey root!")
    assert recorder.run("config", "unset", "0") == "uid 0: no entry (in the kernel)\n"
    subprocess.run(["true", "unset"], check=True)
    assert (
        recorder.run("config", "default", "Guten Tag") == 'default: "Guten Tag" (in the kernel)\n'
    )
    subprocess.run(["true", "default"], check=True)
    recorder.stop()
    found = [
        (e["argv"][1], e["message"])
        for e in recorder.events("--comm", "true", "--ppid", str(os.getpid()))
    ]
    assert found == [("unset", "Hello World"), ("default", "Guten Tag")]


def test_the_first_event_already_carries_its_message(
    record: Callable[..., Recorder], tmp_path: Path
) -> None:
    subprocess.run(
        [EXECDB, "--db", tmp_path / "execdb.db", "config", "set", "0", "123456789012"], check=True
    )
    busy = subprocess.Popen(["sh", "-c", "while :; do /bin/true; done"])
    try:
        recorder = record("--for", "0.5")
        recorder.process.wait(PATIENCE_S)
    finally:
        busy.kill()
        busy.wait()
    assert {e["message"] for e in recorder.events("--uid", "0")} == {"123456789012"}


def test_a_change_behind_its_back_is_put_right_with_a_warning(recorder: Recorder) -> None:
    recorder.run("config", "set", "0", "Hey root!")
    map_id = held_map(recorder.process.pid, "config").id
    bpftool("map", "update", "id", map_id, "key", "5", "0", "0", "0", "value", *["65"] * 12)
    bpftool("map", "delete", "id", map_id, "key", "0", "0", "0", "0")
    assert set(_entries(map_id)) == {5}

    def _right() -> bool:
        return _entries(map_id) == {0: b"Hey root!\0\0\0"}

    wait_for(_right, "the map to be put right")
    wait_for(
        lambda: "warning: something else changed the kernel's config map" in recorder.log, "it"
    )


def test_reserves_room_for_every_entry_allowed(recorder: Recorder) -> None:
    shown = bpftool("map", "show", "id", held_map(recorder.process.pid, "config").id)
    assert (shown["type"], shown["bytes_key"], shown["bytes_value"], shown["max_entries"]) == (
        "hash", 4, 12, 10_240
    )  # fmt: skip
