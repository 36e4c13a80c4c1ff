"""Questions to a database that someone has made to be large take bounded memory and time."""

import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.running.thorough import first
from tests.store.hog import make


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a database of that kind; each is made once, and only read."""

    @cache
    def folder(kind: str) -> Path:
        folder = tmp_path_factory.mktemp("large")
        make(kind, folder / f"{kind}.db")
        return folder

    return folder


def hog(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.store.hog", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("kind", "limit", "lines"),
    first(
        1,
        [
            ("long", 5, 5),
            ("long", 0, 1_000),
            ("shuffled", 0, 1_000),
            ("many", 5, 5),
            ("many", 0, 7),
        ],
    ),
)
def test_huge_arguments_are_read_in_bounded_memory(
    kind: str, limit: int, lines: int, files: Callable[[str], Path]
) -> None:
    begin_s = time.monotonic()
    done = hog(kind, files(kind), limit)
    grown, read = map(int, done.stdout.split())
    assert read == lines
    assert grown < 96_000_000
    assert time.monotonic() - begin_s < 30


def test_more_arguments_than_linux_allows_are_an_error(files: Callable[[str], Path]) -> None:
    done = hog("too many", files("too many"), 5)
    assert "DatabaseError" in done.stderr
    assert "more arguments than Linux allows" in done.stderr
