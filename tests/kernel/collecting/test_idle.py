"""While nothing happens the collector sleeps; what happens wakes it at once."""

import json
import signal
import statistics
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.kernel.recorder import Recorder, wait_for
from tests.processes.cpu import cpu_s
from tests.processes.late_waits import LateWaits

pytestmark = pytest.mark.alone
UID = 61_607  # nobody else runs programs as this user


def switches(pid: int) -> int:
    """How often its threads were put aside."""
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        for line in status.read_text().splitlines():
            if line.startswith(("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")):
                total += int(line.split()[1])
    return total


def stored(recorder: Recorder) -> int:
    return int(recorder.run("query", "--count", "--uid", str(UID)))


def lateness_s(shown: Path, number: int) -> float | None:
    """How old the exec with that number is; None if it is not shown yet."""
    for line in shown.read_text().splitlines():
        event = json.loads(line) if line.endswith("}") else {}
        if event.get("argv", [])[1:] == [f"exec-{number}"]:
            return time.time() - event["time_ns"] / 1e9
    return None


@pytest.fixture
def quiet(record: Callable[..., Recorder]) -> Recorder:
    """Records one user alone: other programs of the machine do not wake it."""
    return made_quiet(record())


def made_quiet(recorder: Recorder) -> Recorder:
    recorder.run("config", "record", f"uid={UID}")
    recorder.run("config", "ignore")
    return recorder


def test_few_wake_ups_while_nothing_happens(quiet: Recorder) -> None:
    time.sleep(2)  # what the start and the config have written
    before, began_s = switches(quiet.process.pid), time.monotonic()
    time.sleep(5)
    each_s = (switches(quiet.process.pid) - before) / (time.monotonic() - began_s)
    assert each_s <= 2, each_s  # 0.6 on a quiet machine; each of a busy one adds some


def test_an_exec_is_stored_within_50_ms(record: Callable[..., Recorder], tmp_path: Path) -> None:
    """On a machine that has time for it: half of them."""
    shown = tmp_path / "shown"
    with shown.open("wb") as stdout:
        made_quiet(record("--print", "--format", "ndjson", stdout=stdout))
        late = []
        for number in range(13):
            time.sleep(0.3 + number / 100)
            subprocess.run(["/bin/true", f"exec-{number}"], user=UID, check=True)
            late.append(wait_for(partial(lateness_s, shown, number), "the line"))
    assert statistics.median(late) < 0.05, late


def test_a_config_change_is_in_the_kernel_at_once(quiet: Recorder) -> None:
    late = []
    for number in range(7):
        time.sleep(0.4 + number / 100)
        began_s = time.monotonic()
        quiet.run("config", "set", str(UID), f"m{number}")  # waits for the confirmation
        late.append(time.monotonic() - began_s)
    assert statistics.median(late) < 0.25, late


@pytest.mark.thorough
def test_a_storm_does_not_wake_it_for_each_exec(quiet: Recorder, programs: Path) -> None:
    before, began_s = switches(quiet.process.pid), time.monotonic()
    subprocess.run(
        [programs / "storm", programs / "nothing", "10007", "same"], user=UID, check=True
    )
    wait_for(lambda: stored(quiet) >= 10_007, "the storm")
    took_s = time.monotonic() - began_s
    woken = switches(quiet.process.pid) - before
    assert woken < 5_003, woken  # it shares its CPU with the storm, and is put aside for that
    assert woken < 400 * took_s, woken


def test_a_request_of_no_successor_costs_nothing(quiet: Recorder) -> None:
    """Nobody takes over: it goes on, and sleeps again."""
    quiet.process.send_signal(signal.SIGUSR1)
    quiet.process.send_signal(signal.SIGUSR1)
    time.sleep(1)
    before_s = cpu_s(quiet.process.pid)
    time.sleep(2)
    assert cpu_s(quiet.process.pid) - before_s < 0.5


def test_a_signal_that_comes_just_before_a_wait_ends_it(
    record: Callable[..., Recorder], reachable: Path
) -> None:
    late = LateWaits(reachable)
    recorder = made_quiet(record(env=late.environment))
    late.armed()
    late.wait()
    recorder.stop()
