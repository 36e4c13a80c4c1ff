"""What waits, and what is remembered, takes bounded memory whatever the programs' arguments are."""

import subprocess
import sys
from pathlib import Path

import pytest

from execdb.collector import backlog
from execdb.collector.backlog import Backlog
from execdb.collector.decoding.decoder import EXEC_BYTES, Decoded
from execdb.store.event import End
from tests.conftest import an_exec
from tests.running.thorough import first


def growth(kind: str, folder: Path, total: int, state: str) -> int:
    hog = [sys.executable, "-m", "tests.collector.hog", kind, folder, str(total), state]
    done = subprocess.run(hog, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.parametrize(
    ("kind", "total"), first(1, [("long", 1_499), ("wide", 607), ("short", 211), ("control", 607)])
)
def test_a_locked_database_and_huge_arguments_take_bounded_memory(
    kind: str, total: int, tmp_path: Path
) -> None:
    """A recorder takes some 24 MB by itself, and may take 96."""
    assert growth(kind, tmp_path, total, "locked") < 72_000_000


@pytest.mark.parametrize(("kind", "total"), first(1, [("short", 211), ("control", 307)]))
def test_huge_arguments_take_bounded_memory(kind: str, total: int, tmp_path: Path) -> None:
    assert growth(kind, tmp_path, total, "free") < 44_000_000


def test_many_arguments_that_recur_take_little_memory(tmp_path: Path) -> None:
    assert growth("recurring", tmp_path, 2_003, "free") < 24_000_000


def test_what_waits_is_counted_until_it_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "_BACKLOG_BYTES", 7 * EXEC_BYTES)
    held = Backlog(23)
    for drain in range(5):
        held.add(Decoded([an_exec(2 * drain), an_exec(2 * drain + 1)], [], 0), 2 * EXEC_BYTES)
    last = an_exec(9).boot_ns
    until_ns = held.too_many_ns()
    assert until_ns == an_exec(3).boot_ns
    assert len(held.give_up(until_ns)) == 4
    assert held.too_many_ns() is None
    batch = held.batch(last)
    assert [event.boot_ns for event in batch.execs] == [an_exec(n).boot_ns for n in range(4, 10)]
    held.stored(batch)
    held.add(Decoded([], [End(last + 1, (last, 23), 0)], 0), 8 * EXEC_BYTES)
    until_ns = held.too_many_ns()
    assert until_ns == last + 1
    assert held.drop_ends(until_ns) == 1
    assert held.too_many_ns() is None


def test_a_batch_is_no_larger_than_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "_BATCH_BYTES", 10_000)
    held = Backlog(23)
    execs = [an_exec(n, argv=("x", str(n) * 3_000)) for n in range(7)]
    held.add(Decoded(execs, [], 0), 30_000)
    sizes = []
    while (batch := held.batch(1 << 62)).execs:
        sizes.append(len(batch.execs))
        held.stored(batch)
    assert sizes == [2, 2, 2, 1]
