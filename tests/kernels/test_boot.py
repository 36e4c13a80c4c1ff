"""What happens when a guest dies. Shells stand in for QEMU: no kernel is booted."""

import argparse
from pathlib import Path

import pytest

from tests.kernels import boot

DIES_AT_FIRST = '[ -e "$0" ] || { touch "$0"; exit 255; }; echo alive'
SPEAKS_AND_DIES = 'echo >> "$0"; echo alive; exit 255'
DIES = 'echo >> "$0"; exit 255'


@pytest.mark.parametrize(
    ("guest", "problem", "times"),
    [(DIES_AT_FIRST, "", 0), (SPEAKS_AND_DIES, "the guest died", 1), (DIES, "the guest died", 2)],
    ids=["dies at first", "speaks and dies", "dies"],
)
def test_a_guest_that_dies_before_it_says_anything_gets_a_second_chance(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, guest: str, problem: str, times: int
) -> None:
    (tmp_path / "6.1").mkdir()  # where the kernel would be
    trace = tmp_path / "trace"
    command = ["sh", "-c", guest, str(trace)]
    monkeypatch.setattr(boot, "guest_command", lambda *_: command)
    args = argparse.Namespace(command=["true"], cache=tmp_path, venv=tmp_path, timeout=60)
    assert boot.run("6.1", args) == problem
    assert len(trace.read_text()) == times
