"""One live replay at a time: recorders of other tests would see it as well, and `compare --replay`
takes the latest one that a file has."""

import fcntl
import os
import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def alone_with_replays() -> Iterator[None]:
    folder = os.open(tempfile.gettempdir(), os.O_RDONLY)  # a file of our own would have to stay
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
