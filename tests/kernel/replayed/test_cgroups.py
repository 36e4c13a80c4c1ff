"""Recorded control groups, below the replay's own: what tells containers and services apart."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.conftest import START_NS
from tests.kernel.recorder import EXECDB, Recorder
from tests.kernel.replayed.again import imported, inexact, replayed

ID = "4f6e" * 16
HOW = {"message": "m", "ended": "exit", "exit_code": 0, "boot_id": "b", "host": "h"}
SERVICE, CONTAINER = "/system.slice/cron.service", f"/docker/{ID}"


def row(number: int, comm: str, cgroup: str | None, parent: int | None, uid: int) -> str:
    at_ns = number * 5_000_000
    made = {
        "id": number, "time_ns": START_NS + at_ns, "boot_ns": 10**9 + at_ns,
        "pid": 100 + number, "ppid": 100 + parent if parent else 1, "parent_id": parent,
        "uid": uid, "euid": uid, "gid": uid, "comm": comm, "filename": f"/bin/{comm}",
        "argv": [comm], "cgroup": cgroup, "duration_ns": 60_000_000 - at_ns,
    }  # fmt: skip
    return json.dumps(made | HOW) + "\n"


def test_they_are_made_below_the_replays_own(
    record: Callable[..., Recorder], tmp_path: Path
) -> None:
    """Root moves to a service; a user there, who may not, to a container; root stays in it."""
    rows = (
        row(1, "init", "/", None, 0),
        row(2, "cron", SERVICE, 1, 0),
        row(3, "job", SERVICE, 2, 1000),
        row(4, "inside", CONTAINER, 3, 1000),
        row(5, "below", CONTAINER, 4, 0),
        row(6, "cut", "/.../deep", 5, 0),
    )
    first, again = imported("".join(rows), tmp_path / "first.db"), record()
    done = subprocess.run(
        [EXECDB, "--db", first, "replay", "--live"], capture_output=True, text=True, check=True
    )
    again.stop()
    assert inexact(done.stdout) == {"cgroup": 1}
    assert "started 6 of 6" in done.stdout
    assert again.events("--comm", "inside") == []
    found = {e["comm"]: e for e in replayed(again, "--path", "/bin/*")}
    (top,) = {event["cgroup"] for event in found.values() if event["comm"] == "init"}
    assert top.startswith("/execdb-replay-")
    assert {comm: event["cgroup"].removeprefix(top) for comm, event in found.items()} == {
        "init": "", "cron": SERVICE, "job": SERVICE,
        "inside": CONTAINER, "below": CONTAINER, "cut": CONTAINER,
    }  # fmt: skip
    assert {comm: event["container"] for comm, event in found.items()} == {
        "init": None, "cron": None, "job": None, "inside": ID, "below": ID, "cut": ID,
    }  # fmt: skip
    assert [found[comm]["uid"] for comm in ("job", "inside", "below")] == [1000, 1000, 0]
    assert not [path for path in Path("/sys/fs/cgroup").glob("**/execdb-replay-*") if path.exists()]
