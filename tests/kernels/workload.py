"""Inside a guest: one recording, one small workload, and what must be in the database after.

Run by `make test-kernels` through boot.py. Emulated programs are slow, so this is a choice of the
cases in tests/kernel, one recorder for all of them, and no pytest.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

EXECDB = Path(sys.executable).with_name("execdb")
PROGRAMS = Path(sys.argv[1]).resolve()
START_S = 240  # the verifier alone takes most of a minute when it is emulated
ERRORS = ["ENOENT", "EACCES", "ENOEXEC", "ENOTDIR", "E2BIG", "EFAULT", "ENOENT"]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "execdb.db"
        run(db, "config", "set", "0", "Hey root!")
        run(db, "config", "set", "501", "Hi user 501!")
        recorder = start(db, Path(folder) / "log")
        truth = work(Path(folder))
        recorder.terminate()
        assert recorder.wait(60) == 0
        log = (Path(folder) / "log").read_text()
        assert ", 0 lost, " in log, log
        check(
            [json.loads(line) for line in run(db, "query", "--format", "ndjson").splitlines()],
            truth,
        )
    print(f"{os.uname().release}: {log.splitlines()[0]}")


def run(db: Path, *arguments: str) -> str:
    command = [EXECDB, "--db", db, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def start(db: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("w") as file:
        process = subprocess.Popen([EXECDB, "--db", db, "collect", "--attempts"], stderr=file)
    deadline_s = time.monotonic() + START_S
    while "recording to" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline_s, "not recording"
        time.sleep(0.1)
    return process


def work(folder: Path) -> dict[str, int]:
    """Runs the workload; returns the pid of each part."""
    (folder / "not-executable").touch()
    (folder / "no-format").write_text("nonsense\n")
    (folder / "no-format").chmod(0o755)
    commands: dict[str, list[str | Path]] = {
        "attempts": [PROGRAMS / "attempts", folder],
        "thread": [PROGRAMS / "starts", "thread", PROGRAMS / "tell"],
        "compat": [PROGRAMS / "nothing32", "a b"],
        "leader": [PROGRAMS / "ends", "leader"],
        "segv": [PROGRAMS / "ends", "segv"],
        "family": ["sh", "-c", "(/bin/true below; :); exit 3"],
        "user": ["setpriv", "--reuid", "501", "--clear-groups", "true"],
        "other": ["setpriv", "--reuid", "1000", "--clear-groups", "true"],
    }
    truth = {}
    for name, command in commands.items():
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=folder)
        truth[f"{name} status"] = process.wait()
        truth[name] = process.pid
    return truth


def check(events: list[dict[str, Any]], truth: dict[str, int]) -> None:
    def of(name: str) -> list[dict[str, Any]]:
        return [event for event in events if event["pid"] == truth[name]]

    assert [e["errno"] for e in of("attempts")] == [None, *ERRORS]
    assert of("attempts")[1]["argv"] == ["plain", "an argument"]
    for name in ("leader", "segv", "compat"):
        (event,) = of(name)
        status = truth[f"{name} status"]
        assert (event["signal"] or -(event["exit_code"] or 0)) == -status, (name, event)
    (compat,) = of("compat")
    assert compat["argv"][1] == "a b"
    (tell,) = [e for e in events if e["comm"] == "tell"]
    assert (tell["argv"], tell["caller"]) == (["given", "a b"], "starts")
    assert tell["parent_id"] == of("thread")[0]["id"]
    (below,) = [e for e in events if e["argv"][-1:] == ["below"]]
    family = next(e for e in of("family") if e["errno"] is None)  # after tries along PATH
    assert (below["parent_id"], family["exit_code"]) == (family["id"], 3)
    said = [(e["uid"], e["message"]) for e in of("user") + of("other") if e["comm"] == "true"]
    assert [pair for pair in said if pair[0]] == [(501, "Hi user 501!"), (1000, "Hello World")]
    assert {e["message"] for e in events if e["uid"] == 0} == {"Hey root!"}


main()
