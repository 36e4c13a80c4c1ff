"""Who, really, and where: login, session, terminal, directory, cgroup."""

import os
import pty
import subprocess
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import pytest

from tests.kernel.conftest import Recorder


def test_login_uid_and_session_are_those_of_audit(recorder: Recorder) -> None:
    login = "echo 501 > /proc/self/loginuid; cat /proc/self/loginuid /proc/self/sessionid"
    shell = subprocess.run(
        ["sh", "-c", f"{login}; exec setpriv --reuid 1 --clear-groups true behind"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (own_login, own_session) = (
        int(Path(f"/proc/self/{name}").read_text()) for name in ("loginuid", "sessionid")
    )
    subprocess.run(["true", "plain"], check=True)
    recorder.stop()
    loginuid, sessionid = shell.stdout.split("501", 1)[0] or "501", shell.stdout[3:].strip()
    events = {e["argv"][1]: e for e in recorder.ours("true")}
    assert (events["behind"]["uid"], events["behind"]["loginuid"]) == (1, int(loginuid))
    assert events["behind"]["sessionid"] == int(sessionid)
    unset = 0xFFFFFFFF
    assert events["plain"]["loginuid"] == (None if own_login == unset else own_login)
    assert events["plain"]["sessionid"] == (None if own_session == unset else own_session)
    assert [e["argv"][1] for e in recorder.events("--loginuid", "501", "--comm", "true")] == [
        "behind"
    ]


def test_the_controlling_terminal(recorder: Recorder) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("true", ["true", os.ttyname(0)])
    os.waitpid(pid, 0)
    os.close(terminal)
    subprocess.run(["setsid", "-w", "true", "none"], check=True)
    recorder.stop()
    events = {e["argv"][1]: e["tty"] for e in recorder.ours("true")}
    assert events.pop("none") is None
    ((name, tty),) = events.items()
    assert name == f"/dev/{tty}"


def test_the_current_directory_across_mounts(recorder: Recorder, tmp_path: Path) -> None:
    mounted = tmp_path / "mounted"
    deep = mounted / "a" / "b\nc"
    script = (
        f'mount -t tmpfs none "{mounted}" && mkdir -p "$1" && cd "$1" && '
        "readlink -n /proc/self/cwd && exec true mount"
    )
    mounted.mkdir()
    subprocess.run(["unshare", "-m", "sh", "-ec", script, "sh", deep], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    subprocess.run(["true", "root"], cwd="/", check=True)
    raw = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(raw)
    subprocess.run(["true", "raw"], cwd=raw, check=True)
    far = tmp_path.joinpath(*["d"] * 60)
    far.mkdir(parents=True)
    subprocess.run(["true", "deep"], cwd=far, check=True)
    recorder.stop()
    cwds = {e["argv"][1]: e["cwd"] for e in recorder.ours("true")}
    assert cwds["mount"] == str(deep)
    assert cwds["root"] == "/"
    assert os.fsencode(cwds["raw"]) == raw
    assert cwds["deep"] == "/.../" + "/".join(["d"] * 40)


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A control group in the version 2 hierarchy, wherever that is mounted."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    root = next((Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"), None)
    assert root is not None, "no cgroup2 is mounted"
    folder = root / f"execdb-test-{os.getpid()}" / "box-0123abcd"
    folder.mkdir(parents=True)
    yield folder
    folder.rmdir()
    folder.parent.rmdir()


def test_the_cgroup(recorder: Recorder, cgroup: Path) -> None:
    subprocess.run(["sh", "-c", f"echo 0 > {cgroup}/cgroup.procs; exec true inside"], check=True)
    subprocess.run(["true", "outside"], check=True)
    own = next(line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines()
               if line.startswith("0::"))  # fmt: skip
    recorder.stop()
    found = {e["argv"][1]: e["cgroup"] for e in recorder.ours("true")}
    assert found["outside"] == own
    assert found["inside"] == f"{own.rstrip('/')}/{cgroup.parent.name}/{cgroup.name}"
    assert len(recorder.events("--cgroup", "*/box-0123abcd")) == 1


def test_a_cgroup_deeper_than_sixteen_names_is_cut_and_says_so(
    recorder: Recorder, cgroup: Path
) -> None:
    below = list(accumulate(["d"] * 20, Path.joinpath, initial=cgroup))
    below[-1].mkdir(parents=True)
    paths = []
    for folder in below[13:16]:  # of 15, 16 and 17 names, where the fixture's has two
        enter = f"echo 0 > {folder}/cgroup.procs; sed -n s/^0:://p /proc/self/cgroup; exec true"
        paths.append(subprocess.check_output(["sh", "-c", enter], text=True).strip())
    recorder.stop()
    for folder in reversed(below[1:]):
        folder.rmdir()
    names = [path.split("/")[1:] for path in paths]
    expected = [["...", *path[-16:]] if len(path) > 16 else path for path in names]
    found = [event["cgroup"] for event in recorder.ours("true")]
    assert found == ["/" + "/".join(path) for path in expected]
