"""replay on a real terminal: its keys, and the terminal's mode afterwards."""

import os
import signal
import termios
import time
from pathlib import Path

import pytest

from execdb.store.file.database import open_database
from tests.cli.terminal import Terminal, on_terminal
from tests.conftest import an_exec, recorded

CANONICAL = termios.ICANON | termios.ECHO


@pytest.fixture
def slow(db: Path) -> Path:
    """Execs an hour apart."""
    with open_database(db) as database:
        recorded(database, [an_exec(n * 3_600_000, argv=("run", f"<{n}>")) for n in range(5)])
    return db


def is_canonical(terminal: Terminal) -> bool:
    return bool(terminal.mode[3] & CANONICAL == CANONICAL)


def wait_until(condition: object) -> None:
    assert callable(condition)
    deadline_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_keys_step_pause_and_change_the_speed(slow: Path) -> None:
    with on_terminal("replay", "--speed", "0.25") as terminal:
        terminal.wait_for("<0>")
        assert "<1>" not in terminal.text
        terminal.press(".")
        terminal.wait_for("<1>")
        terminal.press(".")
        terminal.wait_for("<2>")
        terminal.press(" ")
        terminal.press("+")
        terminal.wait_for("speed x 0.5")
        terminal.press("-")
        terminal.wait_for("speed x 0.25", count=2)
        terminal.press(" ")
        terminal.wait_for("paused")
        assert "<3>" not in terminal.text
        terminal.press("..")
        text, code = terminal.end()
        assert code == 0
        assert "replayed 5 execs" in text
        assert is_canonical(terminal)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP), (signal.SIGINT, 130)],
)
def test_the_mode_of_the_terminal_is_restored(slow: Path, number: int, code: int) -> None:
    with on_terminal("replay") as terminal:
        terminal.wait_for("<0>")
        wait_until(lambda: not is_canonical(terminal))
        os.kill(terminal.process.pid, number)
        assert terminal.end()[1] == code
        assert is_canonical(terminal)


def test_ctrl_c_still_interrupts(slow: Path) -> None:
    with on_terminal("replay") as terminal:
        terminal.wait_for("<0>")
        terminal.press("\x03")
        assert terminal.end()[1] == 130
        assert is_canonical(terminal)


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_ctrl_z_gives_the_terminal_back_and_stops_the_replay(slow: Path) -> None:
    """Sent to the process: its group has no shell, so the kernel ignores the key."""
    with on_terminal("replay") as terminal:
        terminal.wait_for("<0>")
        wait_until(lambda: not is_canonical(terminal))
        os.kill(terminal.process.pid, signal.SIGSTOP)
        wait_until(lambda: state_of(terminal.process.pid) == "T")
        os.kill(terminal.process.pid, signal.SIGCONT)
        terminal.press(".")
        terminal.wait_for("<1>")
        assert not is_canonical(terminal)
        terminal.press("...")
        assert terminal.end()[1] == 0
        assert is_canonical(terminal)
