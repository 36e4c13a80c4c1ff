"""Ctrl-C while a server does not answer."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import psycopg
import pytest

from tests.central.conftest import Central
from tests.central.following.conftest import Host
from tests.central.server import Server, wait_until
from tests.central.stores import some_execs
from tests.conftest import EXECDB
from tests.processes.process import Process

_WAITS = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    " AND application_name LIKE 'execdb%%' AND datname = %s"
)


@pytest.mark.parametrize("command", ["query", "config hosts", "upgrade"])
@pytest.mark.parametrize("stopped", [True, False])
def test_ctrl_c_ends_a_question_without_an_answer(
    central: Central, command: str, stopped: bool
) -> None:
    asking = [EXECDB, *command.split(), "--db", central.admin]
    with psycopg.connect(central.admin) as holder:
        holder.execute("LOCK execdb.run, execdb.exec, execdb.alembic_version")
        with Process(asking, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            wait_until(lambda: central.value(_WAITS, central.name))
            with halted(central.server) if stopped else nullcontext():
                begun_s = time.monotonic()
                process.send_signal(signal.SIGINT)
                out, err = process.communicate()
            assert (process.returncode, out, err) == (130, b"", b"")
            assert time.monotonic() - begun_s < 8  # the driver would wait 10 s


def test_a_second_signal_ends_a_forwarder_that_waits_for_an_answer(
    central: Central, tmp_path: Path
) -> None:
    Host(tmp_path, "web1", central.url).recorder.write(some_execs(3))
    shipping = [EXECDB, "--db", tmp_path / "web1.db", "ship", "--to", central.url]
    with psycopg.connect(central.admin) as holder:
        holder.execute("LOCK execdb.run, execdb.exec")
        with Process(shipping, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            wait_until(lambda: central.value(_WAITS, central.name))
            process.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(8) == -signal.SIGTERM


@contextmanager
def halted(server: Server) -> Iterator[None]:
    """Inside, no process of the server runs."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text()
    pids = [server.pid, *map(int, children.split())]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
