"""argv as it was passed, whatever is in it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.kernel.recorder import EXECDB, Recorder
from tests.processes.process import Process

HOSTILE = [
    b"",
    b"with spaces",
    b"'single' \"double\"",
    b"line\nbreak\ttab",
    b"\x1b[31mred\x1b[0m\x07",
    b"[red]markup[/red]",
    b"\xff\xfe not utf-8 \x80",
    "ünïcödé \u202e".encode(),
    b"-",
    b"",
]


def _argv_bytes(event: dict[str, list[str]]) -> list[bytes]:
    return [os.fsencode(argument) for argument in event["argv"]]


def _exec(programs: Path, *arguments: bytes) -> int:
    process = Process([bytes(programs / "nothing"), *arguments])
    process.wait()
    return process.pid


def test_every_argument_is_what_was_passed(recorder: Recorder, programs: Path) -> None:
    name = bytes(programs / "nothing")
    cases = [HOSTILE, [b"x" * 32_000], [b"%d" % n for n in range(3001)], []]
    pids = [_exec(programs, *arguments) for arguments in cases]
    recorder.stop()
    for pid, arguments in zip(pids, cases, strict=True):
        (event,) = recorder.events("--pid", str(pid), "--comm", "nothing")
        assert _argv_bytes(event) == [name, *arguments]
        assert (event["argc"], event["truncated"]) == (len(arguments) + 1, False)


def test_what_is_too_long_is_cut_and_marked(recorder: Recorder, programs: Path) -> None:
    pid = _exec(programs, b"y" * 100_000, b"last")
    many = _exec(programs, *[b"z" * 1000] * 97)
    recorder.stop()
    (event,) = recorder.events("--pid", str(pid))
    assert (event["argc"], event["truncated"]) == (3, True)
    assert len(event["argv"]) == 2
    assert len(event["argv"][1]) > 32_768
    assert set(event["argv"][1]) == {"y"}
    (event,) = recorder.events("--pid", str(many))
    assert (event["argc"], event["truncated"]) == (98, True)
    assert sum(map(len, event["argv"])) > 32_768


# Relative to a directory the kernel puts /dev/fd/N/ before it (alloc_bprm in fs/exec.c).
LONGEST = """
import ctypes, os, sys
name = b"." + b"/" * 4087 + b"nothing"
argv = (ctypes.c_char_p * 2)(b"longest", None)
ctypes.CDLL(None).execveat(os.open(sys.argv[1], os.O_PATH), name, argv, None, 0)
"""


def test_the_longest_name_that_there_is_is_whole(recorder: Recorder, programs: Path) -> None:
    process = Process([sys.executable, "-c", LONGEST, programs])
    assert process.wait() == 0
    recorder.stop()
    (event,) = recorder.events("--pid", str(process.pid), "--comm", "nothing")
    directory, _, name = event["filename"].rpartition("/./")
    assert directory.startswith("/dev/fd/")
    assert (name, event["truncated"]) == ("/" * 4086 + "nothing", False)


def test_ndjson_goes_to_another_database_and_back_unchanged(
    record: Callable[..., Recorder], programs: Path, tmp_path: Path
) -> None:
    recorder = record()
    _exec(programs, *HOSTILE)
    recorder.stop()
    exported = recorder.run("query", "--format", "ndjson")
    other = [EXECDB, "--db", tmp_path / "other.db"]
    for added in (True, False):
        done = subprocess.run(
            [*other, "import", "-"], input=exported, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("imported 0 ") is not added
    again = subprocess.run(
        [*other, "query", "--format", "ndjson"], capture_output=True, text=True, check=True
    ).stdout
    assert _comparable(again) == _comparable(exported)


def _comparable(ndjson: str) -> list[dict[str, Any]]:
    """Ids belong to a file: parents are compared by their place in it, those that were only
    seen (and so are not exported) not at all."""
    events = [json.loads(line) for line in ndjson.splitlines()]
    places = {event["id"]: place for place, event in enumerate(events)}
    for event in events:
        event["parent_id"] = places.get(event["parent_id"])
        del event["id"], event["run_id"]
    return events
