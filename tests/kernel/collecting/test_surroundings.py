"""Where a collector finds itself: names that are not UTF-8, and few processes, little memory."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kernel.recorder import EXECDB, PATIENCE_S, Recorder
from tests.others import others_can_run_it

MEMBER = 7907  # a user of whom nothing else runs
HOST = b"h\xff\xc3\xa9"
SET_NAME = (
    "import os, socket, sys; socket.sethostname(bytes.fromhex(sys.argv[1])); "
    "os.execv(sys.argv[2], sys.argv[2:])"
)


@pytest.mark.parametrize("utf8", ["0", "1"])
def test_the_name_of_the_host_may_be_any_bytes(record: Callable[..., Recorder], utf8: str) -> None:
    environment = {"LC_ALL": "C", "PYTHONUTF8": utf8, "PYTHONCOERCECLOCALE": "0"}
    under = ["unshare", "-u", "python3", "-c", SET_NAME, HOST.hex()]
    recorder = record("--print", under=under, env=os.environ | environment)
    process = subprocess.Popen(["true"])
    process.wait(PATIENCE_S)
    recorder.stop()
    (event,) = recorder.events("--pid", str(process.pid))
    assert os.fsencode(event["host"]) == HOST
    assert r"on h\xffé" in recorder.run("status")


@others_can_run_it
@pytest.mark.parametrize("most", [2, 3, 4])
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


@pytest.mark.parametrize("kib", [30_000, 60_000, 120_000, 200_000])
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
