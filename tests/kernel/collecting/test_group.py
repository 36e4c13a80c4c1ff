"""What a group that may read the database may do, and what not."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from execdb.cli import main
from tests.kernel.recorder import EXECDB, Recorder, wait_for
from tests.others import run_as

GROUP = 7919  # numbers that need no name
MEMBER = 7907


def as_member(*arguments: str) -> tuple[int, str]:
    """The command, run by a user whose only right is the group; its exit code and what it wrote."""
    answer = run_as(MEMBER, GROUP, *arguments)
    return answer.code, answer.out + answer.err


def test_a_group_may_read_and_not_write(
    record: Callable[..., Recorder], reachable: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    db = reachable / "new" / "execdb.db"
    recorder = record("--group", str(GROUP), db=db, log=reachable / "log")
    subprocess.run(["true", "47"], check=True)
    wait_for(lambda: recorder.ours("true", "47"), "the event")
    assert db.parent.stat().st_mode & 0o777 == 0o750
    for name in (db, f"{db}-wal", f"{db}-shm"):
        assert (os.stat(name).st_mode & 0o777, os.stat(name).st_gid) == (0o640, GROUP), name
    assert os.stat(f"{db}.lock").st_mode & 0o777 == 0o600  # who may open it may hold it

    query = ["--db", str(db), "query", "--comm", "true", "--arg", "47", "--format", "plain"]
    commands = (query, ["--db", str(db), "status"], ["--db", str(db), "config", "list"])
    for command in (*commands, ["--db", str(db), "config", "set", "0", "no"]):
        main.run(command)  # loads what it needs
    before = recorder.run("config", "get", "0")
    for running in (True, False):
        for command in commands:
            code, text = as_member(*command)
            assert code == 0, text
        code, text = as_member(*query)
        assert text.count(" true ") == 1
        code, text = as_member("--db", str(db), "status")
        assert (f"running, pid {recorder.process.pid}" in text) == running
        code, text = as_member("--db", str(db), "config", "set", "0", "mine")
        assert code == 1
        assert "no permission to write" in text
        code, text = as_member("--db", str(db), "collect")
        assert code == 1
        if running:
            recorder.stop(signal.SIGINT)
    assert recorder.run("config", "get", "0") == before


def test_a_group_is_told_how_to_get_into_a_folder_that_was_there(
    tmp_path: Path, private: Path
) -> None:
    done = subprocess.run(
        [EXECDB, "--db", private, "collect", "--group", str(GROUP), "--for", "0"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert f"chgrp {GROUP} {private.parent}" in done.stderr
    assert private.parent.stat().st_mode & 0o777 == 0o700
