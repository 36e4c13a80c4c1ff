"""Recorded, replayed live, recorded again: the same, as trees and field by field."""

import json
import os
import shutil
import subprocess
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import START_NS
from tests.kernel.recorder import EXECDB
from tests.kernel.replayed.again import (
    Record,
    exact_again,
    imported,
    inexact,
    order,
    recorded,
    same_again,
)
from tests.trace import hello_build


@pytest.mark.thorough
def test_the_recorded_build(record: Record, tmp_path: Path) -> None:
    again = same_again(record, imported(hello_build(), tmp_path / "first.db"), tmp_path)
    assert again.equal == 2879
    assert not again.inexact


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
    again = exact_again(record, first, tmp_path)
    assert again.equal >= 15


MAKEFILE = """
all: program
program: one.o two.o three.o
	cc -o $@ $^ && ./program > log && grep -c 23 log
%.o: %.c
	cc -O1 -c -o $@ $<
%.c:
	echo 'int $* = 23; $(if $(filter one,$*),int main(void) { return 0; })' > $@.new && mv $@.new $@
"""


@pytest.mark.thorough
def test_a_build_as_it_is_recorded(record: Record, tmp_path: Path) -> None:
    """Compilers two at a time, scripts of make, files that are links, a step that fails."""
    (tmp_path / "Makefile").write_text(MAKEFILE)
    make = ["make", "-j2", "-C", tmp_path]
    again = exact_again(record, recorded(record, make, tmp_path), tmp_path)
    assert again.equal > 23


CASES = {
    "starts": ("execve", "fork", "spawn", "vfork", "clone", "thread", "two", "memfd", "orphan"),
    "ends": ("", "exit3", "kill", "segv", "leader", "thread"),
    "tell": ("",),
}


@pytest.mark.thorough
@pytest.mark.parametrize("program", CASES)
def test_the_ground_truth(record: Record, programs: Path, tmp_path: Path, program: str) -> None:
    script = "".join(
        f"{programs / program} '{case}' {programs / 'nothing'}\n" for case in CASES[program]
    )
    first = recorded(record, ["sh", "-c", script + "sleep 0.1\n"], tmp_path)
    again = exact_again(record, first, tmp_path)
    assert again.equal > len(CASES[program])


@pytest.mark.thorough
def test_failed_attempts(record: Record, tmp_path: Path) -> None:
    (tmp_path / "denied").write_text("")
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    script = f"cd {tmp_path}; env ./none; env ./denied; PATH=/none:/bin env true; true"
    first = recorded(record, ["sh", "-c", script], tmp_path, "--attempts")
    again = exact_again(record, first, tmp_path, "--attempts")
    assert again.equal >= 8


def made_up() -> str:
    """A history of one kind each, for kernels on which nothing is recorded first."""
    at = count(1)

    def row(comm: str, parent: int | None = None, **changes: Any) -> str:
        number = next(at)
        known = {
            "id": number, "time_ns": START_NS + number * 2_000_000, "boot_ns": number * 2_000_000,
            "boot_id": "b", "host": "h", "pid": 100 + number, "ppid": 100 + (parent or -99),
            "uid": 0, "euid": 0, "gid": 0, "comm": comm, "filename": f"/bin/{comm}", "cwd": "/",
            "argv": [comm, str(number)], "message": "m", "ended": "exit", "exit_code": 0,
            "duration_ns": 1_000_000, "parent_id": parent,
        }  # fmt: skip
        return json.dumps(known | changes) + "\n"

    return (
        row("sh", duration_ns=90_000_000, cwd="/srv/a b", exit_code=3)
        + row("two", 1, uid=1000, euid=0, gid=33, exe="/usr/bin/busybox")
        + row("run", 1, argv=["/bin/sh", "/bin/run", "x"])
        + row("killed", 1, ended="signal", signal=11, exit_code=None)
        + row("subshell", 1, ppid=77, argv=["", "\udcff", "x" * 9_000])
        + row("orphan", 1, ppid=1, duration_ns=30_000_000)
        + row("first", 1, ended="exec", exit_code=None)
        + row("second", 7, pid=107, ppid=101, cgroup=f"/docker/{'4f6e' * 16}")
    )


def test_a_history_of_many_kinds(record: Record, tmp_path: Path) -> None:
    first, again = tmp_path / "first.db", record()
    (tmp_path / "rows").write_text(made_up())
    again.run("--db", str(first), "import", str(tmp_path / "rows"))
    done = subprocess.run(
        [EXECDB, "--db", first, "replay", "--live"], capture_output=True, text=True, check=True
    )
    assert "started 8 of 8" in done.stdout
    assert not inexact(done.stdout)
    again.stop()
    how = ["--replay", *order(done.stdout)]
    found = again.run("compare", str(first), str(again.db), *how, check=False)
    assert "8 equal, 0 different (0 failed now), 0 only in A, 0 only in B" in found, found


@pytest.mark.thorough
def test_attempts_that_cannot_fail_again_are_counted(
    record: Record, programs: Path, tmp_path: Path
) -> None:
    (tmp_path / "not-executable").touch()
    (tmp_path / "no-format").write_text("nonsense\n")
    (tmp_path / "no-format").chmod(0o755)
    first = recorded(record, [programs / "attempts", tmp_path], tmp_path, "--attempts")
    again = same_again(record, first, tmp_path, "--attempts", impossible=4)
    failed = {f"an attempt that failed with {name}" for name in FAIL_ONCE}
    assert again.inexact.keys() - {"tty", "loginuid and session"} == failed


FAIL_ONCE = ("ENOTDIR", "E2BIG", "EFAULT", "EBADF")


@pytest.mark.thorough
def test_other_users(record: Record, programs: Path, reachable: Path, tmp_path: Path) -> None:
    """A program with the set-user-ID bit, started by somebody else, starts one as both."""
    own = reachable / "own"
    shutil.copy(programs / "tell", own)
    os.chown(own, 1001, 1002)
    own.chmod(0o4755)
    who = ("setpriv", "--reuid", "1000", "--regid", "1003", "--clear-groups")
    first = recorded(record, [*who, "sh", "-c", f"{own} x; {own} y; sleep 0.05"], tmp_path)
    again = exact_again(record, first, tmp_path)
    assert again.equal == 5


def test_what_a_replay_started_is_marked(record: Record, tmp_path: Path) -> None:
    lines = hello_build().splitlines(keepends=True)[:23]
    first, again = imported("".join(lines), tmp_path / "first.db"), record()
    subprocess.run([EXECDB, "--db", first, "replay", "--live"], check=True, capture_output=True)
    again.stop()
    replayed = again.events("--replays", "--path", "/usr/bin/time")
    assert [event["argv"][0] for event in replayed] == ["/usr/bin/time"]
    assert again.events("--path", "/usr/bin/time") == []
    assert "live replay from " in again.run("coverage")
