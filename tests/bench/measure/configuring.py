"""How long config set takes to get into the kernel."""

import contextlib
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.measure.proc import Command
from tests.bench.peers.recorders import EXECDB, Execdb
from tests.bench.results import Row, Spread
from tests.bench.table import spread

_CONFIG_SETS = 11


def rows(folder: Path) -> Iterator[Row]:
    """From its commit, seen from outside, to its answer, which it gives when the kernel has it:
    an upper bound, the end of its interpreter included."""
    own = folder / "config"
    own.mkdir()
    whole_ms, kernel_ms = [], []
    with Execdb(own) as recorder, contextlib.closing(sqlite3.connect(own / "execdb.db")) as db:
        for number in range(_CONFIG_SETS):
            message = f"message {number:4d}"
            started_s = time.monotonic()
            command: Command = [EXECDB, "--db", recorder.db, "config", "set", "4711", message]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                committed_s = _committed_s(db, message, process)
                assert process.stdout
                if "(in the kernel)" not in process.stdout.read():
                    raise RuntimeError("config set did not get into the kernel")
            ended_s = time.monotonic()
            kernel_ms.append((ended_s - committed_s) * 1e3)
            whole_ms.append((ended_s - started_s) * 1e3)
    held = Spread.of(kernel_ms).median <= 250
    yield Row("config set, commit to in the kernel", "<= 250 ms", spread(kernel_ms, 0, " ms"), held)
    yield Row("config set, the whole command", "", spread(whole_ms, 0, " ms"), None)


def _committed_s(
    database: sqlite3.Connection, message: str, process: "subprocess.Popen[str]"
) -> float:
    """When the entry was in the table."""
    while process.poll() is None:
        row = database.execute("SELECT message FROM config WHERE uid = 4711").fetchone()
        if row == (message,):
            break
        time.sleep(0.001)
    return time.monotonic()
