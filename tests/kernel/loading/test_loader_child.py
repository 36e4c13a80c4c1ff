"""A loader child that misbehaves: one sentence, soon, and nothing is left of it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from execdb.bpf.errors import Interrupted, KernelError
from execdb.bpf.loading import conversation, source
from execdb.bpf.loading.child import SCRIPT
from execdb.bpf.loading.loader import load
from tests.kernel.bpf_state import no_program_is_left
from tests.kernel.recorder import EXECDB, PATIENCE_S, wait_for
from tests.processes.process import Process

Only = Callable[[str], None]


def _fake_interpreter(tmp_path: Path, code: str) -> str:
    """A program that runs instead of the loader child; descriptor 0 is its socket."""
    script = tmp_path / "interpreter"
    script.write_text(f"#!{sys.executable}\n{code}")
    script.chmod(0o755)
    return str(script)


SEND = "import os, socket; channel = socket.socket(fileno=0); channel.recv(1 << 20); "
REPLY = 'b\'{"version": "0", "file": "", "layout": [], "tracepoints": {}}\\n\''


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("import time; time.sleep(60)", "did not finish within"),
        (SEND + "\nwhile True: channel.send(b' '); import time; time.sleep(.1)", "did not finish"),
        ("import os; os.kill(os.getpid(), 9)", "it was killed"),
        (SEND + "channel.send(b'[' * 9); os.kill(os.getpid(), 9)", "it was killed"),
        ("import os; os.write(0, b'garbage\\n')", "garbage from the loader"),
        ("import os; os.write(0, b'{}\\n')", "garbage from the loader"),
        ("import os; os.write(0, b'[1]\\n')", "garbage from the loader"),
        (SEND + "channel.sendall(b'[' * 999_983 + b'\\n')", "garbage from the loader"),
        (SEND + "channel.sendall(b'x' * (1 << 24))", "garbage from the loader"),
        (SEND + f"channel.send({REPLY})", "garbage from the loader"),
        (SEND + f"socket.send_fds(channel, [{REPLY}], [2] * 8)", "garbage from the loader"),
        (SEND + f"socket.send_fds(channel, [{REPLY}], [2] * 97)", "garbage from the loader"),
        ("import os\nwhile True: os.write(1, b'x' * (1 << 20))", "ended without an answer"),
    ],
    ids=[
        "hangs",
        "says little, for ever",
        "is killed",
        "is killed in the middle of its answer",
        "sends garbage",
        "sends no layout",
        "sends a list",
        "sends deep JSON",
        "sends too much",
        "sends no descriptors",
        "sends descriptors of something else",
        "sends too many descriptors",
        "prints without end",
    ],
)
def test_a_child_that(
    code: str, sentence: str, tmp_path: Path, only: Only, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence, soon; nothing attached, no descriptor and no child left."""
    monkeypatch.setattr(conversation, "TIMEOUT_S", 2)
    only(_fake_interpreter(tmp_path, code))
    before, started_s = os.listdir("/proc/self/fd"), time.monotonic()
    with pytest.raises(KernelError, match=sentence) as caught:
        load()
    assert time.monotonic() - started_s < PATIENCE_S / 2
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert os.listdir("/proc/self/fd") == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    no_program_is_left()


def test_a_child_that_hangs_is_given_up_when_asked_to(tmp_path: Path, only: Only) -> None:
    """It has read nothing: more than fits into the socket waits to be sent."""
    only(_fake_interpreter(tmp_path, "import time; time.sleep(60)"))
    before, started_s = os.listdir("/proc/self/fd"), time.monotonic()
    read, write = os.pipe()
    threading.Timer(0.3, os.write, (write, b"x")).start()
    with pytest.raises(Interrupted):
        load(interrupt=read)
    assert time.monotonic() - started_s < PATIENCE_S / 2
    os.close(read)
    os.close(write)
    assert os.listdir("/proc/self/fd") == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_child_gets_nothing_of_ours(
    tmp_path: Path, only: Only, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither our folder, nor our environment, nor our descriptors."""
    told = tmp_path / "told"
    code = (
        "import json, os, sys\n"
        "fds = [int(fd) for fd in os.listdir('/proc/self/fd')]\n"
        f"open({str(told)!r}, 'w').write(json.dumps([os.getcwd(), dict(os.environ), max(fds), "
        "sys.argv[1:]]))"
    )
    only(_fake_interpreter(tmp_path, code))
    for name in ("PYTHONPATH", "LD_LIBRARY_PATH", "BCC_KERNEL_SOURCE", "ARCH", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with open(os.devnull) as file:
        os.dup2(file.fileno(), 97, inheritable=True)
    with pytest.raises(KernelError):
        load()
    os.close(97)
    cwd, environment, greatest, arguments = json.loads(told.read_text())
    assert cwd == "/"
    assert set(environment) - {"LC_CTYPE"} == {"PATH", "BCC_KERNEL_SOURCE"}
    assert environment["BCC_KERNEL_SOURCE"] == str(source.FOLDER / "headers")
    assert greatest <= 3  # of the listing itself
    assert arguments == ["-I", str(SCRIPT)]


def test_a_loader_that_is_killed_ends_collect_in_a_line(tmp_path: Path) -> None:
    """The real one, killed while it compiles."""
    with collecting(tmp_path / "a.db") as (process, child):
        os.kill(child, signal.SIGKILL)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert err == "execdb: the BCC loader ended without an answer: it was killed\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_loader_that_hangs_is_ended_with_collect(tmp_path: Path, number: int) -> None:
    with collecting(tmp_path / "a.db") as (process, child):
        os.kill(child, signal.SIGSTOP)
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, err) == (130, "stopped before recording began\n")
        assert not Path(f"/proc/{child}").exists()


@contextmanager
def collecting(db: Path) -> Iterator[tuple[Process[str], int]]:
    """A collector that is about to start, and its loader child."""
    process = Process([EXECDB, "--db", db, "collect"], stderr=subprocess.PIPE, text=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")

    def loader_child() -> int | None:
        tasks = children.parents[1].iterdir()
        found = " ".join((task / "children").read_text() for task in tasks).split()
        for child in map(int, found):
            if SCRIPT.name.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                return child
        return None

    try:
        yield process, wait_for(loader_child, "the loader child")
    finally:
        process.kill()
        process.wait()
    no_program_is_left()
