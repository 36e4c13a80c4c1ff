"""Where a collector finds itself: names that are not UTF-8, and few processes, little memory."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.kernel.conftest import EXECDB, PATIENCE_S

MEMBER = 7907  # a user of whom nothing else runs
HOST = b"h\xff\xc3\xa9"
SET_NAME = "import os, socket, sys; socket.sethostname(bytes.fromhex(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])"  # noqa: E501


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_the_name_of_the_host_may_be_any_bytes(tmp_path: Path, locale: str) -> None:
    db = tmp_path / "execdb.db"
    environment = os.environ | {"LC_ALL": locale}
    if locale == "C":
        environment |= {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    script = '"$0" --db "$1" collect --for 60 --print --format plain | head -n 1'
    done = subprocess.run(
        ["unshare", "-u", "python3", "-c", SET_NAME, HOST.hex(), "/bin/bash", "-c",
         f"({script}) & while kill -0 $!; do /bin/true; done 2>/dev/null", EXECDB, db],
        capture_output=True, text=True, timeout=PATIENCE_S, env=environment,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    query = [EXECDB, "--db", db, "query", "--format", "ndjson", "--limit", "1"]
    (line,) = subprocess.check_output(query, text=True).splitlines()
    assert os.fsencode(json.loads(line)["host"]) == HOST
    shown = subprocess.check_output([EXECDB, "--db", db, "status"], text=True)
    assert r"on h\xffé" in shown


@pytest.mark.parametrize("most", [2, 3, 4])
def test_few_processes_are_a_line(tmp_path: Path, most: int) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    own = tmp_path / "own"
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
