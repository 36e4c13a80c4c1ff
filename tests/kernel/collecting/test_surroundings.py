"""Where a collector finds itself: names that are not UTF-8, and few processes, little memory."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from execdb.bpf import arch
from tests.kernel.recorder import EXECDB, PATIENCE_S, Recorder
from tests.others import others_can_run_it
from tests.processes.process import Process
from tests.running.thorough import first

MEMBER = 7907  # a user of whom nothing else runs
HOST = b"h\xff\xc3\xa9"
SET_NAME = (
    "import os, socket, sys; socket.sethostname(bytes.fromhex(sys.argv[1])); "
    "os.execv(sys.argv[2], sys.argv[2:])"
)


@pytest.mark.parametrize("utf8", first(1, ["0", "1"]))
def test_the_name_of_the_host_may_be_any_bytes(record: Callable[..., Recorder], utf8: str) -> None:
    environment = {"LC_ALL": "C", "PYTHONUTF8": utf8, "PYTHONCOERCECLOCALE": "0"}
    under = ["unshare", "-u", "python3", "-c", SET_NAME, HOST.hex()]
    recorder = record("--print", under=under, env=os.environ | environment)
    process = Process(["true"])
    process.wait(PATIENCE_S)
    recorder.stop()
    (event,) = recorder.events("--pid", str(process.pid))
    assert os.fsencode(event["host"]) == HOST
    assert r"on h\xffé" in recorder.run("status")


@others_can_run_it
@pytest.mark.parametrize("most", first(1, [2, 3, 4]))
def test_few_processes_are_a_line(reachable: Path, most: int) -> None:
    own = reachable / "own"
    own.mkdir()
    os.chown(own, MEMBER, MEMBER)
    capabilities = "+bpf,+perfmon"
    done = subprocess.run(
        ["prlimit", f"--nproc={most}", "setpriv", "--reuid", str(MEMBER), "--regid", str(MEMBER),
         "--clear-groups", "--inh-caps", capabilities, "--ambient-caps", capabilities,
         EXECDB, "--db", own / "execdb.db", "collect", "--for", "0.1", "--print"],
        capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1)
    if done.returncode:
        assert done.stderr.splitlines()[-1].startswith("execdb: ")
    if most == 2:
        assert done.returncode == 1
        assert "no more processes or threads" in done.stderr


@pytest.mark.parametrize("kib", first(1, [60_000, 30_000, 120_000, 200_000]))
def test_little_memory_is_a_line(tmp_path: Path, kib: int) -> None:
    command = f"ulimit -v {kib}; exec '{EXECDB}' --db '{tmp_path}/a.db' collect --for 0.1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1)
    if done.returncode:
        assert done.stderr.startswith("execdb: ")
        assert done.stderr.count("\n") == 1


# Installs a seccomp filter that forbids one system call, as containers do, and runs a command.
# (seccomp(2): load the number; if it is the call, return EPERM; else allow it.)
FORBID = """
import ctypes, os, struct, sys
lines = ((0x20, 0, 0, 0), (0x15, 0, 1, int(sys.argv[1])), (6, 0, 0, 0x50001), (6, 0, 0, 0x7FFF0000))
code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *line) for line in lines))
header = struct.pack("<HxxxxxxQ", len(lines), ctypes.addressof(code))
prctl = ctypes.CDLL(None, use_errno=True).prctl
assert prctl(22, ctypes.c_ulong(2), header, 0, 0) == 0, ctypes.get_errno()
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize("call", first(1, ["bpf", "perf_event_open"]))
def test_a_call_that_is_forbidden_is_a_line(tmp_path: Path, call: str) -> None:
    number = str(getattr(arch.this(), call))
    database = ("--db", tmp_path / "own.db")
    for command in ("collect", "doctor"):
        done = subprocess.run(
            ["python3", "-c", FORBID, number, EXECDB, *database, command],
            capture_output=True, text=True, timeout=PATIENCE_S,
        )  # fmt: skip
        assert done.returncode == 1
        assert f"{call}(2) is forbidden" in done.stdout + done.stderr
        assert "seccomp profile" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "own.db").exists()
