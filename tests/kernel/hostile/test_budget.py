"""A user floods the recorder: no exec of others is lost, and a warning names the user."""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.ground_truth import finish, storm_events
from tests.kernel.recorder import Recorder
from tests.processes.process import Process
from tests.running.thorough import first

FLOODER = 1000
LONG = 49_000  # bytes of an argument
FLOOD_MS = 5_000  # longer than what may be saved up lasts
EACH = 49_152  # bytes of a record's arguments at most
SAVED_S = 4


def flood(programs: Path, for_ms: int, *sizes: int, uid: int = FLOODER) -> Process[str]:
    who = ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
    what = [programs / "flood", programs / "nothing", str(for_ms), *map(str, sizes)]
    return Process([*who, *what], stdout=subprocess.PIPE, text=True, cwd="/")


def of_floods(recorder: Recorder, uid: int = FLOODER) -> list[dict[str, Any]]:
    return recorder.events("--comm", "nothing", "--uid", str(uid))


def beside(processes: list[Process[str]]) -> int:
    """Starts programs as root while these run; returns how many."""
    number = 0
    while any(process.poll() is None for process in processes):
        subprocess.run(["/bin/true", f"root {number}"], check=True)
        number += 1
        time.sleep(0.02)
    return number


@pytest.mark.alone
@pytest.mark.parametrize(
    ("sizes", "budget"),
    first(1, [((LONG,), 2_000_000), ((900, 3_900), 400_000)]),
    ids=["arguments", "paths too"],
)
def test_execs_of_others_survive_a_flood(
    record: Callable[..., Recorder], programs: Path, sizes: tuple[int, ...], budget: int
) -> None:
    """Most are cut, also where the machine is so slow that it starts a few hundred in a second."""
    recorder = record("--quiet")
    if budget != 2_000_000:  # the default
        recorder.run("config", "limit", "default", "--bytes", str(budget))
    began_s = time.monotonic()
    processes = [flood(programs, FLOOD_MS, *sizes) for _ in range(2)]
    number = beside(processes)
    took_s = time.monotonic() - began_s
    started = sum(int(process.communicate()[0]) for process in processes)
    summary = recorder.stop()

    assert ", 0 lost, " in summary
    found = [e["argv"][1] for e in recorder.events("--comm", "true", "--uid", "0")]
    assert [f"root {n}" for n in range(number)] == [a for a in found if a.startswith("root ")]
    events = of_floods(recorder)
    assert len(events) == started
    assert {event["argc"] for event in events} == {2}
    bytes_kept = 0
    for event in events:
        length = len("".join(event["argv"])) + len(event["filename"])
        bytes_kept += length if length > 1024 else 0
        if not event["truncated"]:
            assert len(event["argv"][1]) == sizes[0]
    assert bytes_kept < 1.5 * budget * (SAVED_S + took_s)
    assert sum(event["truncated"] for event in events) > started / 2
    said = re.findall(r"^warning: uid .*", recorder.log, re.MULTILINE)
    assert said == [
        f"warning: uid {FLOODER} starts programs with more arguments than the limit: "
        "they are cut to 256 bytes (execdb config limit)"
    ]
    assert re.search(r"^[0-9]+ execs? with arguments cut: ", recorder.log, re.MULTILINE)


def test_only_who_is_over_the_budget_is_cut(
    record: Callable[..., Recorder], programs: Path
) -> None:
    recorder = record("--quiet")
    recorder.run("config", "limit", "default", "--bytes", "30kB")
    uids = (FLOODER, FLOODER + 1)
    started_s = time.monotonic()
    for uid, calls in zip(uids, (101, 1), strict=True):
        who = {"user": uid, "group": uid, "extra_groups": []}
        for _ in range(calls):
            subprocess.run([programs / "nothing", "x" * 20_011], check=True, cwd="/", **who)
    took_s = time.monotonic() - started_s
    recorder.stop()
    first, other = (of_floods(recorder, uid) for uid in uids)
    whole = [event for event in first if not event["truncated"]]
    assert whole[:5] == first[:5]
    assert 5 <= len(whole) <= 30_000 * (4 + took_s) / 18_000 + 1
    cut = [event for event in first if event["truncated"]]
    assert {sum(len(argument) + 1 for argument in event["argv"]) for event in cut} <= {256, 257}
    assert {(event["argc"], event["cwd"]) for event in cut} == {(2, "/")}
    assert [event["truncated"] for event in other] == [False]
    assert f"warning: uid {FLOODER} starts programs with more arguments" in recorder.log


@pytest.mark.thorough
def test_other_uids_of_a_login_share_a_budget(
    record: Callable[..., Recorder], programs: Path
) -> None:
    """In a user namespace everyone can use thousands of uids."""
    recorder = record("--quiet")
    recorder.run("config", "limit", "default", "--bytes", "30kB")
    login = "echo 4321 > /proc/self/loginuid; cat /proc/self/loginuid; "
    each = "for u in $(seq 5000 5100); do setpriv --reuid $u --clear-groups $0 $1; done"
    command = ["sh", "-c", login + each, programs / "nothing", "x" * 20_011]
    started_s = time.monotonic()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    took_s = time.monotonic() - started_s
    recorder.stop()
    assert done.stdout == "4321", "the kernel has no audit, or root may not set the login uid"
    events = storm_events(recorder, programs)
    assert len(events) == 101
    whole = [event for event in events if not event["truncated"]]
    assert 2 <= len(whole) <= 30_000 * (4 + took_s) / 18_000 + 1
    assert "warning: uid 4321 starts programs with more arguments" in recorder.log


@pytest.mark.thorough
@pytest.mark.alone
def test_without_a_budget_nothing_is_cut(record: Callable[..., Recorder], programs: Path) -> None:
    recorder = record("--quiet", "--ring-pages", "4096")
    recorder.run("config", "limit", "default", "--bytes", "none")
    for _ in range(503):  # 20 MB
        subprocess.run([programs / "nothing", "x" * 40_009], check=True)
    summary = recorder.stop()
    assert ", 0 lost, " in summary
    assert {event["truncated"] for event in of_floods(recorder, 0)} == {False}
    assert "cut" not in recorder.log


@pytest.mark.alone
def test_a_ring_that_fills_up_keeps_room_for_short_records(
    record: Callable[..., Recorder], programs: Path
) -> None:
    """The collector is stopped until the ring is full."""
    recorder = record("--quiet", "--ring-pages", "128")
    recorder.run("config", "limit", "default", "--bytes", "none")
    recorder.process.send_signal(19)
    for number in range(101):
        subprocess.run([programs / "nothing", "x" * LONG, str(number)], check=True)
    subprocess.run([programs / "nothing", "short"], check=True)
    recorder.process.send_signal(18)
    summary = recorder.stop()
    assert ", 0 lost, " in summary
    events = recorder.events("--comm", "nothing")
    assert len(events) == 102
    assert events[-1]["argv"][1:] == ["short"]
    assert [event["argc"] for event in events[:-1]] == [3] * 101
    assert not events[0]["truncated"]
    assert events[100]["truncated"]
    assert re.search(r"^[0-9]+ execs? with arguments cut: ", recorder.log, re.MULTILINE)
    assert "starts programs with more" not in recorder.log


@pytest.mark.thorough
def test_a_long_path_keeps_its_end(record: Callable[..., Recorder], programs: Path) -> None:
    recorder = record("--quiet")
    recorder.run("config", "limit", "default", "--bytes", "1kB")
    process = flood(programs, 500, 10, 3_907)
    finish([process])
    recorder.stop()
    events = of_floods(recorder)
    cut = [event["filename"] for event in events if event["truncated"]]
    assert cut
    for name in cut:
        assert name.startswith("/...//")
        assert name.endswith(str(programs / "nothing"))
        assert len(name) == 255
