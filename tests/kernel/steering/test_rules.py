"""Rules and limits in the kernel: who is recorded, what is counted, and who is whose parent."""

import json
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from execdb.bpf.syscall import wait_for_programs
from execdb.collector.rules.cgroups import cgroup_folder
from tests.kernel.bpf_state import bpftool, held_map
from tests.kernel.conftest import SHARED
from tests.kernel.ground_truth import finish, storm, storm_events
from tests.kernel.recorder import Recorder, wait_for

LOWLY = 4_242  # a uid that runs nothing else


def ledger(recorder: Recorder) -> tuple[int, int, int, int]:
    """Of its last run: seen, stored, filtered, lost."""
    sql = "SELECT seen, stored, filtered, lost FROM runs ORDER BY run_id DESC LIMIT 1"
    with closing(sqlite3.connect(recorder.db)) as connection:
        found: tuple[int, int, int, int] = connection.execute(sql).fetchone()
    return found


def filters(recorder: Recorder) -> dict[tuple[Any, ...], int]:
    """How many were left out, by cause, rule and uid."""
    sql = "SELECT cause, rule, uid, sum(filtered) FROM filters GROUP BY 1, 2, 3"
    with closing(sqlite3.connect(recorder.db)) as connection:
        return {tuple(key): count for *key, count in connection.execute(sql)}


def run_as(uid: int, *command: str | Path) -> None:
    subprocess.run(command, user=uid, group=uid, extra_groups=[], check=True, cwd="/")


def test_a_rule_decides_from_its_confirmation_on(recorder: Recorder, programs: Path) -> None:
    nothing = str(programs / "nothing")
    assert "(in the kernel)" in recorder.run("config", "ignore", f"filename={nothing}")
    for _ in range(23):
        subprocess.run([nothing], check=True)
    assert "(in the kernel)" in recorder.run("config", "remove", "1")
    subprocess.run([nothing], check=True)
    summary = recorder.stop()
    assert len(storm_events(recorder, programs)) == 1
    assert filters(recorder) == {("rule", 1, None): 23}
    assert ", 23 filtered (23 rule 1), 0 lost, " in summary
    seen, stored, filtered, lost = ledger(recorder)
    assert seen == stored + filtered + lost
    status = json.loads(recorder.run("status", "--format", "json"))
    assert [(each["rule"], each["filtered"]) for each in status["filters"]] == [(1, 23)]


@pytest.mark.thorough
def test_rules_that_something_else_changed_are_put_back(recorder: Recorder, programs: Path) -> None:
    nothing = str(programs / "nothing")
    recorder.run("config", "ignore", f"filename={nothing}")
    half = held_map(recorder.process.pid, "rule_half").id
    first = ("map", "lookup", "id", half, "key", "0", "0", "0", "0")
    before = bpftool(*first)["value"]
    other = [f"{1 - int(before[0], 16)}", "0", "0", "0"]
    bpftool("map", "update", "id", half, "key", "0", "0", "0", "0", "value", *other)
    warning = "warning: something else changed the kernel's maps of rules; restored"
    wait_for(lambda: warning in recorder.log, "the warning")
    assert bpftool(*first)["value"] == before
    subprocess.run([nothing], check=True)
    recorder.stop()
    assert filters(recorder) == {("rule", 1, None): 1}


def test_root_alone_is_recorded(recorder: Recorder, programs: Path) -> None:
    recorder.run("config", "record", "uid=0")
    recorder.run("config", "ignore")
    for uid in (0, LOWLY, 0, LOWLY, LOWLY):
        run_as(uid, programs / "nothing")
    recorder.stop()
    assert [event["uid"] for event in storm_events(recorder, programs)] == [0, 0]
    (rules,) = json.loads(recorder.run("config", "rules", "--format", "json")).values()
    assert [rule["action"] for rule in rules] == ["record", "ignore"]
    assert rules[1]["filtered"] >= 3


def test_an_image_that_was_left_out_is_nobodys_parent(recorder: Recorder, programs: Path) -> None:
    """sh (recorded) runs env (ignored), which execs into sh (recorded), which runs nothing."""
    recorder.run("config", "ignore", "comm=env")
    inner = f"{programs}/nothing 1; {programs}/nothing 2"
    outer = f"env sh -c '{inner}'; {programs}/nothing 3; exec env {programs}/nothing 4"
    subprocess.run(["sh", "-c", outer], check=True)
    recorder.stop()
    shells = recorder.ours("sh")
    assert len(shells) == 2
    assert shells[1]["parent_id"] == shells[0]["id"]
    assert [shell["ended"] for shell in shells] == ["exec", "exit"]
    leaves = {event["argv"][1]: event["parent_id"] for event in storm_events(recorder, programs)}
    first, second = (shell["id"] for shell in shells)
    assert leaves == {"1": second, "2": second, "3": first, "4": first}


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A control group that can be removed and made again. In CI there must be one."""
    folder = cgroup_folder()
    if folder is None and not os.environ.get("CI"):
        pytest.skip("the version 2 hierarchy is not mounted, or this is a container")
    assert folder is not None
    path = Path(os.fsdecode(folder)) / f"execdb-test-{os.getpid()}"
    path.mkdir()
    yield path
    with suppress(FileNotFoundError):
        path.rmdir()


def run_in(cgroup: Path, program: Path) -> None:
    enter = f"echo 0 > {cgroup}/cgroup.procs && exec {program}"
    subprocess.run(["sh", "-c", enter], check=True)


@pytest.mark.thorough
def test_a_cgroup_is_found_again_after_it_was_made_again(
    recorder: Recorder, programs: Path, cgroup: Path
) -> None:
    nothing = programs / "nothing"
    recorder.run("config", "ignore", f"cgroup=/{cgroup.name}")
    run_in(cgroup, nothing)
    (cgroup / "below").mkdir()
    run_in(cgroup / "below", nothing)
    (cgroup / "below").rmdir()
    cgroup.rmdir()
    assert "is not there" in recorder.run("config", "rules")
    cgroup.mkdir()
    subprocess.run([nothing], check=True)
    last = 0

    def left_out() -> bool:
        nonlocal last
        last += 1
        run_in(cgroup, nothing)
        subprocess.run(["sleep", "0.3"], check=True)
        return len(storm_events(recorder, programs)) < 1 + last

    wait_for(left_out, "the rule to hold for the new cgroup")
    assert last <= 10  # 2 s, and what it takes to record
    assert "is not there" not in recorder.run("config", "rules")


def test_failed_attempts_obey_the_rules(record: Callable[..., Recorder]) -> None:
    recorder = record("--attempts")
    number = int(recorder.run("config", "ignore", "filename=/no/such/*").split()[1].rstrip(":"))
    for name in ("/no/such/program", "/nor/this/one"):
        with pytest.raises(FileNotFoundError):
            subprocess.run([name], check=True)
    recorder.run("config", "remove", str(number))
    recorder.stop()
    names = {event["filename"] for event in recorder.events("errno=ENOENT")}
    assert "/nor/this/one" in names
    assert "/no/such/program" not in names
    wait_for(lambda: filters(recorder).get(("rule", number, None)), "the rule's number")
    seen, stored, filtered, lost = ledger(recorder)
    assert seen == stored + filtered + lost


@pytest.mark.thorough
def test_the_ledger_is_exact_in_a_storm_while_rules_change(
    record: Callable[..., Recorder], programs: Path
) -> None:
    recorder = record("--quiet")
    count = 3_001
    storms = storm(programs, count, count)
    rules = 0
    while any(process.poll() is None for process in storms):
        recorder.run("config", "ignore", f"filename={programs}/noth*")
        rules += 1
        recorder.run("config", "remove", str(rules))
    finish(storms)
    recorder.stop()
    stored = len(storm_events(recorder, programs))
    by_rule = filters(recorder)
    seen, *parts = ledger(recorder)
    assert seen == sum(parts)
    assert parts[1] == sum(by_rule.values())
    assert all(cause == "rule" for cause, _, _ in by_rule)
    assert stored + parts[1] == 2 * count  # nothing else is called so
    assert parts[2] == 0
    assert parts[1] > 0


def test_rules_count_apart(recorder: Recorder, programs: Path) -> None:
    recorder.run("config", "ignore", f"filename={programs}/nothing", "uid=0")
    recorder.run("config", "ignore", f"filename={programs}/nothing", f"uid={LOWLY}")
    for uid, runs in ((0, 5), (LOWLY, 7), (LOWLY + 1, 2)):
        for _ in range(runs):
            run_as(uid, programs / "nothing")
    recorder.stop()
    assert filters(recorder) == {("rule", 1, None): 5, ("rule", 2, None): 7}
    assert len(storm_events(recorder, programs)) == 2


def test_execs_beyond_a_limit_are_counted_for_their_user(
    recorder: Recorder, programs: Path
) -> None:
    recorder.run("config", "limit", str(LOWLY), "--execs", "1")
    run_as(LOWLY, programs / "storm", programs / "nothing", "101")
    run_as(LOWLY + 1, programs / "nothing")
    wait_for(lambda: f"warning: uid {LOWLY} starts more programs" in recorder.log, "a warning")
    recorder.run("config", "limit", str(LOWLY), "--execs", "default")
    summary = recorder.stop()
    by_uid = [event["uid"] for event in storm_events(recorder, programs)]
    assert by_uid.count(LOWLY + 1) == 1
    left_out = 101 - by_uid.count(LOWLY)
    assert left_out > 23
    # Where others use the recorder as well it goes on, and counts these once a second.
    wait_for(lambda: filters(recorder).get(("limit", None, LOWLY)) == left_out, "their number")
    assert SHARED or f", {left_out} filtered ({left_out} limits), 0 lost, " in summary
    seen, stored, filtered, lost = ledger(recorder)
    assert (seen, lost) == (stored + filtered, 0)


def test_waiting_for_programs_returns() -> None:
    wait_for_programs()
