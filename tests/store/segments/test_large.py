"""Questions to a database that someone has made to be large take bounded memory and time."""

import subprocess
import sys
import time
from pathlib import Path

import pytest


def hog(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.store.hog", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("kind", "limit", "lines"),
    [("long", 5, 5), ("long", 0, 1_000), ("shuffled", 0, 1_000), ("many", 5, 5), ("many", 0, 7)],
)
def test_huge_arguments_are_read_in_bounded_memory(
    kind: str, limit: int, lines: int, tmp_path: Path
) -> None:
    assert hog("make", kind, tmp_path, 0).returncode == 0
    begin_s = time.monotonic()
    done = hog("read", kind, tmp_path, limit)
    grown, read = map(int, done.stdout.split())
    assert read == lines
    assert grown < 96_000_000
    assert time.monotonic() - begin_s < 30


def test_more_arguments_than_linux_allows_are_an_error(tmp_path: Path) -> None:
    assert hog("make", "too many", tmp_path, 0).returncode == 0
    done = hog("read", "too many", tmp_path, 5)
    assert "DatabaseError" in done.stderr
    assert "more arguments than Linux allows" in done.stderr
