"""replay: at its own pace, as fast as possible, and interrupted."""

import json
import signal
import subprocess
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from execdb.store.file.database import open_database
from tests.cli.conftest import Run
from tests.conftest import EXECDB, an_exec, recorded
from tests.processes.process import Process
from tests.trace import hello_build


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A database with the build in it, and what query says of it."""
    db = tmp_path_factory.mktemp("build") / "execdb.db"
    trace = hello_build()
    subprocess.run([EXECDB, "--db", db, "import", "-"], input=trace, text=True, check=True)
    done = subprocess.run(
        [EXECDB, "--db", db, "query", "--format", "ndjson"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == len(trace.splitlines())
    return db, lines


def test_at_speed_1_each_event_comes_when_it_happened(build: tuple[Path, list[str]]) -> None:
    db, lines = build
    boot_ns = [json.loads(line)["boot_ns"] for line in lines]
    process = Process(
        [EXECDB, "--db", db, "replay", "--speed", "1", "--format", "ndjson"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    arrived = [(time.monotonic_ns(), line.rstrip("\n")) for line in process.stdout]
    _, report = process.communicate()
    assert [line for _, line in arrived] == lines
    late_ns = [
        (at - arrived[0][0]) - (happened - boot_ns[0])
        for (at, _), happened in zip(arrived, boot_ns, strict=True)
    ]
    assert abs(median(late_ns)) < 100_000_000  # of seconds; the machine may be busy
    half = len(late_ns) // 2
    assert abs(median(late_ns[half:]) - median(late_ns[:half])) < 100_000_000  # no drift
    assert f"replayed {len(lines)} execs in " in report


def test_at_speed_0_it_is_over_at_once(build: tuple[Path, list[str]]) -> None:
    db, lines = build
    done = subprocess.run(
        [EXECDB, "--db", db, "replay", "--speed", "0", "--format", "ndjson"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == lines
    times = [json.loads(line)["boot_ns"] for line in lines]
    assert all(a <= b for a, b in pairwise(times))
    assert "late" not in done.stderr  # nothing was due
    seconds = float(done.stderr.split(" in ")[1].split(" s")[0])
    assert seconds < (times[-1] - times[0]) / 1e9 / 2


def test_replay_as_fast_as_possible_is_the_history_and_a_report(run: Run, filled: Path) -> None:
    answer = run("replay", "--speed", 0, "--arg", "2")
    assert answer.out == run("query", "--format", "line", "--arg", "2").out
    assert "replayed 5 execs" in answer.err


@pytest.mark.parametrize("option", [("--idle-limit", "inf"), ("--speed", "inf")])
def test_replay_with_an_endless_number(run: Run, filled: Path, option: tuple[str, str]) -> None:
    answer = run("replay", *option)
    assert answer.code in (0, 2)
    assert answer.err.count("\n") == 1


@pytest.fixture
def hours_apart(db: Path) -> Path:
    with open_database(db) as database:
        recorded(database, [an_exec(0), an_exec(7_200_000)])
    return db


@pytest.mark.parametrize("options", [[], ["--speed", "1e-300"]], ids=["hours", "aeons"])
def test_an_interrupted_replay_reports_and_says_so(hours_apart: Path, options: list[str]) -> None:
    process = Process(
        [EXECDB, "replay", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert "true" in process.stdout.readline()  # the first is due at once; the second is far
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "replayed 1 exec" in said
    assert said.count("\n") == 1
