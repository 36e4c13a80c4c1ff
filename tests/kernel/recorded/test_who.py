"""Login uid, session, terminal, directory, cgroup."""

import os
import pty
import subprocess
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import pytest

from tests.kernel.recorder import Recorder
from tests.processes.process import Process


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


def test_a_directory_of_forty_names_is_whole(recorder: Recorder, tmp_path: Path) -> None:
    """Mount points in the path do not count as names."""
    here = len(tmp_path.parts) - 1
    folders = {n: tmp_path.joinpath(*["d"] * (n - here)) for n in (39, 40, 41)}
    folders[41].mkdir(parents=True)
    for names, folder in folders.items():
        subprocess.run(["true", str(names)], cwd=folder, check=True)
    script = (
        'cd "$1"; for i in 1 2 3 4 5 6 7 8 9 10 11; do mkdir m; mount -t tmpfs none m; cd m; done; '
        'mkdir -p "$2"; cd "$2"; readlink -n /proc/self/cwd; exec true mounts'
    )
    below = "/".join(["e"] * (29 - here))
    mounts = ["unshare", "-m", "sh", "-ec", script, "sh", tmp_path, below]
    path = subprocess.run(mounts, check=True, capture_output=True, text=True).stdout
    recorder.stop()
    cwds = {e["argv"][1]: e["cwd"] for e in recorder.ours("true")}
    assert (cwds["39"], cwds["40"]) == (str(folders[39]), str(folders[40]))
    assert cwds["41"] == "/..." + str(folders[41]).removeprefix("/" + folders[41].parts[1])
    assert path.count("/") == 40
    assert cwds["mounts"] == path


@pytest.mark.parametrize("names", [20, 33, 60])
def test_no_part_of_a_record_pushes_another_one_out(
    recorder: Recorder,
    programs: Path,
    cgroup: Path,
    names: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A directory of long names, a path that is padded, and more arguments than are kept."""
    home = tmp_path_factory.getbasetemp() / f"{names}"
    home.mkdir()
    enter = f"echo 0 > {cgroup}/cgroup.procs; cd {home}; "
    deep = f"exec {programs}/calls deep {names} {programs}/nothing"
    process = Process(["sh", "-c", enter + deep])
    process.wait(60)
    recorder.stop()
    (event,) = recorder.events("--pid", str(process.pid), "--comm", "nothing")
    assert event["filename"] == "/" * 2000 + str(programs / "nothing")
    assert (event["argc"], event["truncated"]) == (2, True)
    assert len(event["argv"][1]) > 48_000
    assert event["cgroup"].endswith(f"/{cgroup.parent.name}/{cgroup.name}")
    whole = [*home.parts[1:], *(f"{number:0255}" for number in range(names))]
    found = event["cwd"].split("/")[1:]
    if names == 20:
        assert found == whole
    else:
        assert found[0] == "..."
        assert found[1:] == whole[1 - len(found) :]
        assert len(found) > 20


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


def test_a_cgroup_of_sixteen_names_as_long_as_they_get_is_whole(
    recorder: Recorder, cgroup: Path
) -> None:
    below = list(accumulate(["c" * 255] * 13 + ["d" * 200], Path.joinpath, initial=cgroup))
    below[-1].mkdir(parents=True)
    enter = f"echo 0 > {below[-1]}/cgroup.procs; sed -n s/^0:://p /proc/self/cgroup; exec true"
    path = subprocess.check_output(["sh", "-c", enter], text=True).strip()
    recorder.stop()
    for folder in reversed(below[1:]):
        folder.rmdir()
    (event,) = recorder.ours("true")
    assert event["cgroup"] == path


def test_a_cgroup_whose_name_is_too_long_is_cut_and_says_so(
    recorder: Recorder, cgroup: Path
) -> None:
    """The cgroup file system allows names longer than NAME_MAX."""
    longer = cgroup / ("x" * 300)
    below = longer / "below"
    below.mkdir(parents=True)
    for folder in (longer, below):
        subprocess.run(["sh", "-c", f"echo 0 > {folder}/cgroup.procs; exec true"], check=True)
    recorder.stop()
    below.rmdir()
    longer.rmdir()
    assert [e["cgroup"] for e in recorder.ours("true")] == ["/...", "/.../below"]


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
