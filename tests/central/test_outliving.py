"""A server of the tests ends with them, also when they are killed."""

import subprocess
import sys
from pathlib import Path

from tests.central.server import wait_until
from tests.processes.process import Process

_TESTS = """
from tests.central.conftest import a_server
with a_server() as server:
    server.start()
    print(server.pid, server.folder, flush=True)
    input()
"""


def test_a_server_ends_with_the_process_that_started_it() -> None:
    with Process(
        [sys.executable, "-c", _TESTS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pid, folder = process.stdout.readline().split()
        assert Path(f"/proc/{pid}").exists()
        process.kill()
    wait_until(lambda: not Path(f"/proc/{pid}").exists() and not Path(folder).exists())
