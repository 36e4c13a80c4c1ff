"""A user who fills the file under `--max-size` removes own rows only, not those of others."""

import json
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.kernel.hostile.test_bounded import on_disk
from tests.kernel.recorder import Recorder, wait_for
from tests.processes.process import Process

pytestmark = pytest.mark.alone

Record = Callable[..., Recorder]
LIMIT = 10_000_000  # bytes
CROWD = 1_013  # uid
LONG = 48_000  # bytes
FLOOD_MS = 180_000  # at most: a busy machine takes longer to fill the file


def flood(programs: Path, milliseconds: int, size: int) -> Process[bytes]:
    """Starts programs as fast as it can, each with a new argument."""
    command = [programs / "flood", programs / "nothing", str(milliseconds), str(size)]
    return Process(command, stdout=subprocess.DEVNULL, user=CROWD, group=CROWD, extra_groups=[])


def enough_is_pruned(db: Path) -> bool:
    with closing(sqlite3.connect(db, timeout=60)) as connection:
        ((stored, pruned),) = connection.execute("SELECT stored, pruned FROM runs").fetchall()
    return pruned > stored // 3


def pss_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


@pytest.mark.thorough
def test_a_user_who_fills_the_file_pushes_no_others_out(record: Record, programs: Path) -> None:
    """256 bytes is the length to which arguments are cut beyond a user's budget; those within the
    budget keep their full length."""
    recorder = record("--max-size", "10MB", "--quiet")
    for number in range(7):
        subprocess.run(["true", f"before-{number}"], check=True)
    wait_for(lambda: recorder.ours("true", "before-6"), "the events")
    crowd, others, largest, most = flood(programs, FLOOD_MS, 256), 0, 0, 0
    try:
        while not enough_is_pruned(recorder.db):
            assert crowd.poll() is None
            subprocess.run(["true", f"other-{others}"], check=True)
            long = ["true", str(others).ljust(LONG, "x")]
            subprocess.run(long, check=True, user=CROWD, group=CROWD, extra_groups=[])
            others += 1
            largest = max(largest, on_disk(recorder.db))
            most = max(most, pss_bytes(recorder.process.pid))
            time.sleep(0.02)
    finally:
        crowd.terminate()
        crowd.wait()
    status = json.loads(recorder.run("status", "--format", "json"))
    recorder.stop()
    assert largest <= LIMIT
    assert most < 64_000_000
    with closing(sqlite3.connect(recorder.db)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (ledger,) = connection.execute("SELECT seen, stored, lost, pruned FROM runs").fetchall()
        kept = connection.execute("SELECT count(*) FROM execs").fetchone()[0]
        found = connection.execute(
            "SELECT argv FROM execs WHERE uid = 0 AND comm = 'true' ORDER BY id"
        ).fetchall()
    seen, stored, lost, pruned = ledger
    assert seen == stored + lost
    assert lost < seen // 50  # none, unless the machine is busy
    assert kept == stored - pruned
    assert pruned > seen // 4
    arguments = [json.loads(argv)[1] for (argv,) in found]
    assert arguments[:7] == [f"before-{number}" for number in range(7)]
    assert len(arguments) >= 7 + others - lost
    taken = {(trim["what"], trim["uid"]) for trim in status["trimmed"]}
    assert {("rows", CROWD), ("arguments", CROWD)} <= taken
    assert status["users"][0]["uid"] == CROWD
    assert f"100 % of uid {CROWD}" in recorder.run("coverage")
