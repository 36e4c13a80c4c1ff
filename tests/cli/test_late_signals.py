"""A signal ends a command also if it comes just before a wait."""

import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import EXECDB
from tests.processes.late_waits import LateWaits
from tests.processes.process import Process


@pytest.mark.parametrize(
    ("command", "number"),
    [
        (("web", "--port", "0"), signal.SIGTERM),
        (("query", "--follow"), signal.SIGINT),
        (("ship", "--to", "postgresql://nobody@127.0.0.1:1/nothing"), signal.SIGTERM),
    ],
    ids=lambda part: part[0] if isinstance(part, tuple) else part.name,
)
@pytest.mark.usefixtures("db")
def test_ends(reachable: Path, command: tuple[str, ...], number: int) -> None:
    late = LateWaits(reachable, "select" if command[0] == "ship" else "poll")
    process = Process(
        [EXECDB, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=late.environment,
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        if command[0] == "web":
            address = process.stdout.readline().strip()
        else:
            process.stderr.readline()
        late.armed()
        if command[0] == "web":  # waits until it is asked
            ask = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            ask.open(address, timeout=60).close()
        late.wait()
        process.send_signal(number)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()
