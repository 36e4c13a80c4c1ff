"""Where the layout of the kernel's structs is from: BTF, a copy of it, or neither."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from execdb.bpf.offsets import BTF_PATH, read_btf
from tests.kernel.recorder import EXECDB, PATIENCE_S, Recorder
from tests.processes.process import Process

# Whatever kernel headers this machine has are out of sight.
HIDE_HEADERS = '[ ! -d /lib/modules ] || mount -t tmpfs none /lib/modules; exec "$0" "$@"'


def _without_headers(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", HIDE_HEADERS, *map(str, command)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=os.environ | environment,
    )


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_might_never_end_is_no_copy_of_btf(tmp_path: Path, kind: str) -> None:
    copy = Path("/dev/zero")
    if kind == "pipe":
        copy = tmp_path / "pipe"
        os.mkfifo(copy)
    assert read_btf(copy) is None


def test_a_copy_of_btf_serves(record: Callable[..., Recorder], tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    copy.write_bytes(BTF_PATH.read_bytes())
    recorder = record("--btf", str(copy))
    assert f", with the kernel's layout from BTF at {copy} (" in recorder.log
    process = Process(["true", "by the copy"], cwd="/usr")
    process.wait(PATIENCE_S)
    recorder.stop()
    (event,) = recorder.events("--pid", str(process.pid))
    assert (event["argv"], event["cwd"], event["ppid"]) == (
        ["true", "by the copy"], "/usr", os.getpid(),
    )  # fmt: skip


def test_neither_btf_nor_headers(tmp_path: Path) -> None:
    """Told by the option, by the environment, and by an empty variable."""
    collect = (EXECDB, "--db", tmp_path / "a.db", "collect", "--for", "0.1")
    nothing = str(tmp_path / "nothing")
    for place, done in (
        (nothing, _without_headers(*collect, "--btf", nothing)),
        (nothing, _without_headers(*collect, EXECDB_BTF=nothing)),
        (os.devnull, _without_headers(*collect, EXECDB_BTF="")),
    ):
        assert done.returncode == 1
        assert done.stderr == (
            f"execdb: no BTF at {place} and no kernel headers at "
            f"/lib/modules/{os.uname().release}/build: install the headers of the running kernel "
            "(Debian: linux-headers-$(uname -r)), or name a copy of its BTF with --btf\n"
        )


def test_doctor_says_what_is_missing(tmp_path: Path) -> None:
    doctor = (EXECDB, "--db", tmp_path / "a.db", "doctor")
    done = _without_headers(*doctor, "--btf", tmp_path / "nothing")
    assert done.returncode == 1
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("BTF "))
    assert line.startswith(f"BTF         no BTF at {tmp_path}/nothing and no kernel headers at ")
    assert ": NOT OK: install the headers of the running kernel" in line
    (tmp_path / "text").write_text("This is not BTF, though it is a file.")
    done = _without_headers(*doctor, EXECDB_BTF=str(tmp_path / "text"))
    assert done.returncode == 1
    assert f"BTF at {tmp_path}/text is unusable: not BTF" in done.stdout
