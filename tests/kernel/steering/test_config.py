"""The config table and its mirror in the kernel."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.kernel.bpf_state import bpftool, held_map
from tests.kernel.recorder import EXECDB, PATIENCE_S, Recorder, wait_for
from tests.processes.process import Process


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


@pytest.mark.thorough
def test_events_carry_the_generation_that_the_kernel_had(recorder: Recorder) -> None:
    expected = []
    for number in range(11):
        recorder.run("config", "set", "0", f"message {number:4d}")
        with closing(sqlite3.connect(recorder.db)) as connection:
            (generation,) = connection.execute("SELECT generation FROM config_state").fetchone()
        subprocess.run(["true", str(number)], check=True)
        expected.append((str(number), generation))
    recorder.stop()
    mine = recorder.events("--comm", "true", "--ppid", str(os.getpid()))
    assert [(e["argv"][1], e["config_generation"]) for e in mine] == expected
    first, last = expected[0][1], expected[-1][1]
    assert last == first + 10
    (chosen,) = recorder.events(f"config_generation={last}", "comm=true", f"ppid={os.getpid()}")
    assert chosen["argv"] == ["true", "10"]


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
    busy = Process(["sh", "-c", "while :; do /bin/true; done"])
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

    wait_for(_right, "the map to be restored")
    wait_for(
        lambda: "warning: something else changed the kernel's config map" in recorder.log, "it"
    )


@pytest.mark.thorough
def test_reserves_room_for_every_entry_allowed(recorder: Recorder) -> None:
    shown = bpftool("map", "show", "id", held_map(recorder.process.pid, "config").id)
    assert (shown["type"], shown["bytes_key"], shown["bytes_value"], shown["max_entries"]) == (
        "hash", 4, 12, 10_240
    )  # fmt: skip


def by_sql(recorder: Recorder, *statements: str) -> None:
    with closing(sqlite3.connect(recorder.db)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_what_plain_sql_changes_comes_into_the_kernel(recorder: Recorder) -> None:
    """Whether or not it makes a new generation of it."""
    map_id = held_map(recorder.process.pid, "config").id
    by_sql(recorder, "INSERT INTO config VALUES (501, 'by sql')")
    wait_for(lambda: _entries(map_id) == {501: b"by sql" + bytes(6)}, "the entry")
    by_sql(recorder, "UPDATE config_state SET default_message = 'Moin'")
    fallback = held_map(recorder.process.pid, "fallback").id
    wait_for(lambda: _entries(fallback)[0] == b"Moin" + bytes(8), "the default")
    by_sql(recorder, "DELETE FROM config")
    wait_for(lambda: _entries(map_id) == {}, "the entry to go")
    subprocess.run(["true", "by sql"], check=True)
    recorder.stop()
    assert "warning" not in recorder.log
    log = json.loads(recorder.run("config", "log", "--format", "json"))
    assert [(row["generation"], row["action"], row["subject"], row["after"]) for row in log] == [
        (2, "found", "uid 501", "by sql"),
        (3, "found", "default", "Moin"),
        (4, "found", "uid 501", None),
    ]
    (event,) = recorder.events("comm=true", f"ppid={os.getpid()}")
    assert event["config_generation"] == 4


@pytest.mark.thorough
def test_a_row_that_cannot_be_in_the_kernel_costs_only_itself(recorder: Recorder) -> None:
    map_id = held_map(recorder.process.pid, "config").id
    recorder.run("config", "set", "5", "good")
    by_sql(
        recorder,
        "UPDATE config SET message = 'thirteen byte' WHERE uid = 5",
        "INSERT INTO config VALUES (7, x'ff'), (11, 'eleven'), (-3, 'x')",
        "UPDATE config_state SET generation = generation + 1",
    )
    good = {5: b"good" + bytes(8), 11: b"eleven" + bytes(6)}
    wait_for(lambda: _entries(map_id) == good, "what is good")
    warning = "warning: the config table has values that the kernel cannot hold: uid 5: "
    wait_for(lambda: warning in recorder.log, "the warning")
    assert "uid 7: a message must be text" in recorder.run("config", "list")
    status = recorder.run("status")
    assert "; not all of it in the kernel\n" in status
    assert "not in the kernel: uid 5: a message has at most 12 bytes" in status
    assert "(in the kernel)" in recorder.run("config", "set", "13", "thirteen")
    assert _entries(map_id) == good | {13: b"thirteen" + bytes(4)}
    assert recorder.log.count("warning") == 1
    assert "(in the kernel)" in recorder.run("config", "set", "5", "better")
    assert _entries(map_id)[5] == b"better" + bytes(6)
    assert recorder.log.count("warning") == 1
    assert ", 0 lost, " in recorder.stop()
