"""import and prune: how they end before they are done."""

import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import pytest

from execdb.store.fields import to_dict
from execdb.store.file.database import open_database
from execdb.store.json_text import json_of
from tests.cli.conftest import Run
from tests.conftest import EXECDB, an_event, an_exec, recorded
from tests.processes.process import Process

_EVENTS = 60_000  # so many take a second or two
_IN_THE_MIDDLE = 1_000_000  # bytes of the WAL


@pytest.fixture
def events(tmp_path: Path) -> Path:
    keys = to_dict(an_event(0))
    del keys["time"]
    file = tmp_path / "events.ndjson"
    with file.open("w") as out:
        for n in range(_EVENTS):
            keys |= {"time_ns": 10**18 + n, "boot_ns": 10**9 + n}
            out.write(json_of(keys) + "\n")
    return file


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_middle_leaves_nothing(
    run: Run, db: Path, events: Path, number: signal.Signals
) -> None:
    wal = Path(f"{db}-wal")
    importing = Process(
        [EXECDB, "--db", db, "import", events], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    until_s = time.monotonic() + 60
    while not (wal.exists() and wal.stat().st_size > _IN_THE_MIDDLE):
        assert importing.poll() is None
        assert time.monotonic() < until_s
        time.sleep(0.005)
    importing.send_signal(number)
    out, err = importing.communicate(timeout=60)
    line = b"execdb: interrupted: run the import again to add what is missing\n"
    assert (importing.returncode, out, err) == (130, b"", line)
    assert [path.name for path in db.parent.glob(f"{db.name}*")] == [db.name]
    assert run("query", "--count").out == "0\n"


def test_a_prune_that_is_interrupted_says_how_to_go_on(
    run: Run, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_database(db) as database:
        recorded(database, [an_exec(n) for n in range(23)])

    def step(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)  # the signal ends it

    monkeypatch.setattr("execdb.store.limits.retention.Retention.step", step)
    code, out, err = run("prune", "--older-than", "1s")
    line = "execdb: interrupted: run prune again to remove the rest\n"
    assert (code, out, err) == (130, "", line)
    assert run("query", "--count").out == "23\n"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_an_error_stands_below_the_bar_that_was_shown(db: Path, events: Path) -> None:
    with events.open("a") as file:
        file.write("{]\n")
    master, slave = pty.openpty()
    importing = Process(
        [EXECDB, "--db", db, "import", events],
        stderr=slave, env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    )  # fmt: skip
    os.close(slave)
    shown = b""
    try:
        while part := os.read(master, 65_536):
            shown += part
    except OSError:  # the terminal has no program any more
        pass
    os.close(master)
    assert importing.wait(timeout=60) == 1
    assert b"importing" in shown
    last = shown.rsplit(b"\x1b", 1)[-1]  # what no later sequence wipes
    assert f"execdb: {events}: line {_EVENTS + 1}: ".encode() in last
