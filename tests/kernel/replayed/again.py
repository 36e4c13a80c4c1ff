"""Replays a history beside a recorder, and compares what that recorded with the history."""

import json
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from execdb.livereplay.program import ROOT_PROGRAM
from execdb.store.comparison.fields import FIELDS, OF_THE_END
from tests.kernel.recorder import EXECDB, PATIENCE_S, Recorder, wait_for
from tests.processes.process import Process

Record = Callable[..., Recorder]


def imported(lines: str, db: Path) -> Path:
    subprocess.run([EXECDB, "--db", db, "import", "-"], input=lines, text=True, check=True)
    return db


def recorded(record: Record, command: Sequence[str | Path], tmp_path: Path, *how: str) -> Path:
    """What a command and all below it did, alone in a file."""
    recorder = record(*how, db=tmp_path / "first.db")
    process = Process(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process.wait(PATIENCE_S)
    (root, *_) = wait_for(
        lambda: [e for e in recorder.events("--pid", str(process.pid)) if e["ended"]], "the end"
    )
    recorder.stop()
    below = recorder.run("query", "--descendants-of", str(root["id"]), "--format", "ndjson")
    return imported(json.dumps(root) + "\n" + below, tmp_path / "only.db")


_MANY, _LATE_MS = 50, 1.0


class Again(NamedTuple):
    """A replay: how many events were equal, what was not exact, how late stubs were (in the
    median, at most), and where it was recorded."""

    equal: int
    inexact: dict[str, int]
    late_ms: tuple[float, float]
    db: Path


def same_again(
    record: Record, first: Path, tmp_path: Path, *how: str, impossible: int = 0
) -> Again:
    """Replays a history beside another recorder, and compares. So many events are `impossible`."""
    again = record(*how, db=tmp_path / "again.db")
    done = subprocess.run(
        [EXECDB, "--db", first, "replay", "--live", "--no-ancestors", *how],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    again.stop()
    late_ms = lateness_ms(done.stdout)
    compared = subprocess.run(
        [EXECDB, "compare", first, again.db, "--replay", "--no-ancestors", "--wide", "--slower=0",
         *order(done.stdout)],
        capture_output=True,
        text=True,
    )  # fmt: skip
    lines = compared.stdout.splitlines()
    (totals,) = [line for line in lines if re.match("[0-9]+ execs? in A", line)]
    assert compared.returncode == bool(impossible), done.stdout + compared.stdout + compared.stderr
    assert not impossible or f"{impossible} only in A" in totals
    equal = int(totals.split(": ")[1].split()[0])
    return Again(equal, inexact(done.stdout), late_ms, again.db)


def lateness_ms(said: str) -> tuple[float, float]:
    """How late a replay says that its stubs were: in the median, at most."""
    middle, most = re.findall(r"([0-9.]+) ms", said.splitlines()[-1])
    return float(middle), float(most)


def order(said: str) -> list[str]:
    """Asks `compare` for the order of siblings, unless the replay was so late, as in an emulated
    machine, that they may overtake each other."""
    return ["--order"] if lateness_ms(said)[1] < _LATE_MS else []


def inexact(said: str) -> dict[str, int]:
    """What a replay counts as not exact."""
    found = re.findall(r"(\d+) x ([^,\n]+)", said.partition("not exact: ")[2])
    return {why: int(count) for count, why in found}


def exact_again(record: Record, first: Path, tmp_path: Path, *how: str) -> Again:
    """The same for a history with parents and ends, without what `compare` is made of: all fields,
    the tree, the order of siblings, and how long everything took."""
    again = same_again(record, first, tmp_path, *how)
    assert again.inexact.keys() <= {"tty", "loginuid and session"}
    middle_ms, most_ms = again.late_ms
    is_in_time = most_ms < _LATE_MS  # else siblings may overtake each other
    a = in_tree_order(ndjson(first), is_in_time)
    b = in_tree_order(ndjson(again.db, "--replays"), is_in_time)
    assert len(a) == len(b) == again.equal
    for one, other in zip(a, b, strict=True):
        names = FIELDS if one["ended"] else FIELDS[: -len(OF_THE_END)]
        assert [other[name] for name in names] == [one[name] for name in names]
        assert memfd(other) == memfd(one)
    # Both its ends may be late, and the second is not reported: on a busy machine often more so.
    assert off_by_ms(a, b) < 1 + 3 * (middle_ms if len(a) > _MANY else most_ms)
    return again


def replayed(recorder: Recorder, *options: str) -> list[dict[str, Any]]:
    """What a live replay started, among what else ran on this machine meanwhile."""
    others = [event["id"] for event in recorder.events(*options)]
    return [e for e in recorder.events("--replays", *options) if e["id"] not in others]


def ndjson(db: Path, *options: str) -> list[dict[str, Any]]:
    lines = subprocess.check_output(
        [EXECDB, "--db", db, "query", "--format", "ndjson", *options], text=True
    )
    return [json.loads(line) for line in lines.splitlines()]


def in_tree_order(events: list[dict[str, Any]], by_time: bool) -> list[dict[str, Any]]:
    """Each event before what it started, siblings by time, or by their fields: of a replay, below
    its root."""
    children: dict[int | None, list[dict[str, Any]]] = {}
    ids = {event["id"] for event in events}
    for event in events:
        parent = event["parent_id"] if event["parent_id"] in ids else None
        children.setdefault(parent, []).append(event)
    if not by_time:
        for family in children.values():
            family.sort(key=lambda event: repr([event[name] for name in FIELDS]))
    root = next((e["id"] for e in events if e["filename"] == ROOT_PROGRAM.decode()), None)
    found, waiting = [], children[root][::-1]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1]["id"], [])[::-1]
    return found


def memfd(event: dict[str, Any]) -> str | None:
    """The one kind of `exe` that a stub has for a recorder, which knows only files on the machine's
    own file systems. For others see test_sandbox.py."""
    exe: str = event["exe"] or ""
    return exe if exe.startswith("memfd:") else None


def off_by_ms(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> float:
    """By how much durations differ in the median."""
    both = [(one["duration_ns"], other["duration_ns"]) for one, other in zip(a, b, strict=True)]
    off_ns = [abs(one - other) for one, other in both if None not in (one, other)]
    return median(off_ns) / 1e6 if off_ns else 0.0
