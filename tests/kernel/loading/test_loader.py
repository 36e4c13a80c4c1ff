"""The loader child: what it hands over, and the one sentence for each way it can fail."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from execdb.bpf import loader, wire
from execdb.bpf.errors import Interrupted, KernelError
from tests.kernel.conftest import EXECDB, PATIENCE_S, no_program_is_left, wait_for


def _fake_interpreter(tmp_path: Path, code: str) -> str:
    """A program that takes the place of the loader child; descriptor 0 is its socket."""
    script = tmp_path / "interpreter"
    script.write_text(f"#!{sys.executable}\n{code}")
    script.chmod(0o755)
    return str(script)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Only this interpreter is tried."""
    return lambda path: monkeypatch.setattr(loader, "interpreters", lambda: [path])


def test_the_record_of_the_compiled_program_is_the_one_in_python() -> None:
    program = loader.load()  # compares, and refuses what differs
    program.close()


def test_a_record_that_differs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(wire.LAYOUT, "ppid", (16, 4))
    with pytest.raises(KernelError, match="differs from"):
        loader.load()


def test_loading_leaks_no_descriptor() -> None:
    before = os.listdir("/proc/self/fd")
    loader.load().close()
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("int on_exec(void *ctx) { return nonsense; }", "undeclared identifier 'nonsense'"),
        (
            "int on_exec(void *ctx) { return *(volatile int *)0x1234; }",
            "BCC could not load the program: ",
        ),
        (
            "int on_exec(void *ctx) { volatile char b[9000]; for (int i = 0; i < 9000; i++)"
            " b[i] = i; return b[(long)ctx & 8191]; }",
            "stack limit of 512 bytes",
        ),
    ],
    ids=["compile error", "verifier error", "stack too large"],
)
def test_a_program_that_does_not_load(
    source: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c/execdb.bpf.c").write_text(source)
    for name in ("c/headers", "loader_child.py"):
        (tmp_path / name).symlink_to(loader.HERE / name)
    monkeypatch.setattr(loader, "HERE", tmp_path)
    with pytest.raises(KernelError) as caught:
        loader.load()
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_not_btf(tmp_path: Path) -> None:
    (tmp_path / "btf").write_bytes(b"no" * 100)
    with pytest.raises(KernelError, match="not BTF"):
        loader.load(btf=tmp_path / "btf")


def test_no_bcc(tmp_path: Path, only: Any) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    only(str(tmp_path / "venv/bin/python"))
    with pytest.raises(KernelError, match="install python3-bpfcc"):
        loader.load()


def test_the_bcc_of_pypi_is_recognised(tmp_path: Path, only: Any) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (site,) = (tmp_path / "venv/lib").glob("python3*/site-packages")
    (site / "bcc").mkdir()
    (site / "bcc/__init__.py").write_text("class Lattice: pass\n")
    only(str(tmp_path / "venv/bin/python"))
    with pytest.raises(KernelError, match="pip uninstall bcc"):
        loader.load()


def test_what_fails_behind_the_import_is_not_put_down_to_another_bcc() -> None:
    """BCC raises AttributeError for a source that is no text."""
    with loader.Child(loader.interpreters()[0]) as child:
        reply, _ = child.answer({"source": 23, "cflags": [], "maps": [], "programs": {}})
    assert loader.explain(reply).startswith("BCC could not load the program: ")


def test_root_does_not_import_bcc_from_where_others_can_write(tmp_path: Path, only: Any) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (site,) = (tmp_path / "venv/lib").glob("python3*/site-packages")
    (site / "bcc").mkdir()
    (site / "bcc/__init__.py").write_text("BPF = None\n")
    (site / "bcc/__init__.py").chmod(0o666)
    only(str(tmp_path / "venv/bin/python"))
    with pytest.raises(KernelError, match="written by others"):
        loader.load()


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
    code: str, sentence: str, tmp_path: Path, only: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence, soon; nothing attached, no descriptor and no child left."""
    monkeypatch.setattr(loader, "TIMEOUT_S", 2)
    only(_fake_interpreter(tmp_path, code))
    before, started_s = os.listdir("/proc/self/fd"), time.monotonic()
    with pytest.raises(KernelError, match=sentence) as caught:
        loader.load()
    assert time.monotonic() - started_s < PATIENCE_S / 2
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert os.listdir("/proc/self/fd") == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    no_program_is_left()


def test_a_child_that_hangs_is_given_up_when_asked_to(tmp_path: Path, only: Any) -> None:
    """It has read nothing: more than fits into the socket waits to be sent."""
    only(_fake_interpreter(tmp_path, "import time; time.sleep(60)"))
    before, started_s = os.listdir("/proc/self/fd"), time.monotonic()
    read, write = os.pipe()
    threading.Timer(0.3, os.write, (write, b"x")).start()
    with pytest.raises(Interrupted):
        loader.load(interrupt=read)
    assert time.monotonic() - started_s < 10
    os.close(read)
    os.close(write)
    assert os.listdir("/proc/self/fd") == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_child_gets_nothing_of_ours(
    tmp_path: Path, only: Any, monkeypatch: pytest.MonkeyPatch
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
        loader.load()
    os.close(97)
    cwd, environment, greatest, arguments = json.loads(told.read_text())
    assert cwd == "/"
    assert set(environment) - {"LC_CTYPE"} == {"PATH", "BCC_KERNEL_SOURCE"}
    assert environment["BCC_KERNEL_SOURCE"] == str(loader.HERE / "headers")
    assert greatest <= 3  # of the listing itself
    assert arguments == ["-I", str(loader.HERE / "compile.py")]


def test_a_loader_that_is_killed_ends_collect_in_a_line(tmp_path: Path) -> None:
    """The real one, killed while it compiles."""
    with collecting(tmp_path / "a.db") as (process, child):
        os.kill(child, signal.SIGKILL)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert err == "execdb: the BCC loader ended without an answer: it was killed\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_loader_that_hangs_is_ended_with_collect(tmp_path: Path, number: int) -> None:
    with collecting(tmp_path / "a.db") as (process, child):
        os.kill(child, signal.SIGSTOP)
        process.send_signal(number)
        _, err = process.communicate(timeout=10)
        assert (process.returncode, err) == (130, "stopped before recording began\n")
        assert not Path(f"/proc/{child}").exists()


@contextmanager
def collecting(db: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A collector that is about to start, and its loader child."""
    process = subprocess.Popen([EXECDB, "--db", db, "collect"], stderr=subprocess.PIPE, text=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")

    def loader_child() -> int | None:
        tasks = children.parents[1].iterdir()
        found = " ".join((task / "children").read_text() for task in tasks).split()
        for child in map(int, found):
            if b"compile.py" in Path(f"/proc/{child}/cmdline").read_bytes():
                return child
        return None

    try:
        yield process, wait_for(loader_child, "the loader child")
    finally:
        process.kill()
        process.wait()
    no_program_is_left()
