"""What the tests of a session share."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.session.followed import Follow
from tests.conftest import EXECDB
from tests.processes.process import Process


@pytest.fixture
def follow(db: Path) -> Iterator[Follow]:
    """Starts it and waits until it follows; what still runs is ended."""
    started: list[Process[str]] = []

    def start(
        *options: str, first: str = "note: no collector is running: waiting for one\n"
    ) -> Process[str]:
        process = Process(
            [str(EXECDB), "query", "--follow", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stderr is not None
        assert process.stderr.readline().startswith(first)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
