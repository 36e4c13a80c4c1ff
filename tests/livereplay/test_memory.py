"""How much memory a plan and its tape take while they are made, whatever the pids are."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import pytest

from execdb.livereplay.planning.times import at_rate
from execdb.livereplay.prepare import Refused, emitted, plan_of
from execdb.livereplay.sandbox.linux import give_back_what_is_freed
from execdb.store.event import Event
from tests.livereplay.histories import prepared, some

_ROW_BYTES = 180  # with what grows in steps
_FEW, _MANY = 5_003, 25_013


def rows(count: int) -> Iterator[Event]:
    """Programs of one parent, each with a process of its own, and pids all over the place."""
    yield some(0, "sh", id=1, duration_ns=10**12)
    for n in range(1, count):
        pid = 2_000 + n * 2_000_003 % 4_000_000
        yield some(n, "ls", id=n + 1, pid=pid, parent=1, ppid=1_000)


def take(count: int) -> None:
    give_back_what_is_freed()
    plan, paths = plan_of(
        rows(count),
        lambda _: None,
        lambda plan: at_rate(plan, 3_000),
    )
    emitted(plan, paths, rows(count), lambda at, raw: None, users=True)


def grown_kb(count: int) -> int:
    """By how much that makes the most memory grow that this process ever had."""
    before_kb = getrusage(RUSAGE_SELF).ru_maxrss
    take(count)
    return getrusage(RUSAGE_SELF).ru_maxrss - before_kb


@pytest.mark.thorough
def test_a_row_takes_few_bytes() -> None:
    few_kb, many_kb = (in_a_process_of_its_own(count) for count in (_FEW, _MANY))
    assert (many_kb - few_kb) * 1_024 < (_MANY - _FEW) * _ROW_BYTES


def in_a_process_of_its_own(count: int) -> int:
    script = f"from {__name__} import grown_kb; print(grown_kb({count}))"
    root = Path(__file__).parents[2]
    return int(subprocess.check_output([sys.executable, "-c", script], cwd=root))


def test_a_million_different_users_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("execdb.livereplay.tape.emit._STATES_MAX", 23)
    with pytest.raises(Refused, match="more different users"):
        prepared([some(n, uid=n) for n in range(29)])
