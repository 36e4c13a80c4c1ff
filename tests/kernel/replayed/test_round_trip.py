"""Recorded, replayed live, recorded again: the same, as trees and field by field."""

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.kernel.recorder import EXECDB, PATIENCE_S, Recorder, wait_for
from tests.trace import hello_build

Record = Callable[..., Recorder]


def imported(lines: str, db: Path) -> Path:
    subprocess.run([EXECDB, "--db", db, "import", "-"], input=lines, text=True, check=True)
    return db


def recorded(record: Record, command: Sequence[str | Path], tmp_path: Path, *how: str) -> Path:
    """What a command and all below it did, alone in a file."""
    recorder = record(*how, db=tmp_path / "first.db")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process.wait(PATIENCE_S)
    (root, *_) = wait_for(
        lambda: [e for e in recorder.events("--pid", str(process.pid)) if e["ended"]], "the end"
    )
    recorder.stop()
    below = recorder.run("query", "--descendants-of", str(root["id"]), "--format", "ndjson")
    return imported(json.dumps(root) + "\n" + below, tmp_path / "only.db")


def same_again(record: Record, first: Path, tmp_path: Path, *how: str) -> str:
    """Replays a history beside another recorder, and compares. What `compare` says."""
    again = record(*how, db=tmp_path / "again.db")
    done = subprocess.run(
        [EXECDB, "--db", first, "replay", "--live", "--no-ancestors", *how],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    again.stop()
    compared = subprocess.run(
        [EXECDB, "compare", first, again.db, "--replay", "--no-ancestors", "--wide", "--slower=0"],
        capture_output=True,
        text=True,
    )
    assert compared.returncode == 0, done.stdout + compared.stdout + compared.stderr
    return compared.stdout


def test_the_recorded_build(record: Record, tmp_path: Path) -> None:
    said = same_again(record, imported(hello_build(), tmp_path / "first.db"), tmp_path)
    assert said.startswith("2879 execs in A, 2879 in B: 2879 equal")


JOB = """
cat seed | cat | wc -l
(cd /usr; /bin/ls; true)
./script.sh x
./ill
setpriv --reuid 1000 --regid 1000 --clear-groups id
sh -c 'exec env A=1 true'
sh -c 'sleep 0.05 & exec sleep 0.02'
false
sleep 0.1
exit 3
"""


def test_a_job_of_many_kinds(record: Record, tmp_path: Path) -> None:
    """A script, pipes, a subshell, a failure, a signal, another user, another folder, exec in
    place, a program that outlives its parent."""
    for name, text in (
        ("seed", "23\n"),
        ("script.sh", '#!/bin/sh\necho "$1" $0\n'),
        ("ill", "#!/bin/sh\nkill -9 $$\n"),
        ("job", f"#!/bin/sh\ncd {tmp_path}\n{JOB}"),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    first = recorded(record, [tmp_path / "job"], tmp_path)
    said = same_again(record, first, tmp_path)
    assert int(said.split()[0]) >= 15


CASES = {
    "starts": ("execve", "fork", "spawn", "vfork", "clone", "thread", "two", "memfd", "orphan"),
    "ends": ("", "exit3", "kill", "segv", "leader", "thread"),
}


@pytest.mark.parametrize("program", CASES)
def test_the_ground_truth(record: Record, programs: Path, tmp_path: Path, program: str) -> None:
    script = "".join(
        f"{programs / program} '{case}' {programs / 'nothing'}\n" for case in CASES[program]
    )
    first = recorded(record, ["sh", "-c", script + "sleep 0.1\n"], tmp_path)
    said = same_again(record, first, tmp_path)
    assert int(said.split()[0]) > len(CASES[program])


def test_failed_attempts(record: Record, tmp_path: Path) -> None:
    (tmp_path / "denied").write_text("")
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    script = f"cd {tmp_path}; env ./none; env ./denied; PATH=/none:/bin env true; true"
    first = recorded(record, ["sh", "-c", script], tmp_path, "--attempts")
    said = same_again(record, first, tmp_path, "--attempts")
    assert int(said.split()[0]) >= 8


def test_what_a_replay_started_is_marked(record: Record, tmp_path: Path) -> None:
    lines = hello_build().splitlines(keepends=True)[:23]
    first, again = imported("".join(lines), tmp_path / "first.db"), record()
    subprocess.run([EXECDB, "--db", first, "replay", "--live"], check=True, capture_output=True)
    again.stop()
    replayed = again.events("--replays", "--path", "/usr/bin/time")
    assert [event["argv"][0] for event in replayed] == ["/usr/bin/time"]
    assert again.events("--path", "/usr/bin/time") == []
    assert "live replay from " in again.run("coverage")
