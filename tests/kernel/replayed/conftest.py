"""One live replay at a time: recorders of other tests would see it as well, and `compare --replay`
takes the latest one that a file has."""

import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def alone_with_replays() -> Iterator[None]:
    with Path(tempfile.gettempdir(), "execdb-test-replays.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
