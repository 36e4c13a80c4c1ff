"""Who started it: parents, trees, and what ran before."""

import os
import subprocess
from pathlib import Path
from typing import Any

from tests.kernel.recorder import EXECDB, PATIENCE_S, Recorder, wait_for
from tests.processes.process import Process


def _by_argument(recorder: Recorder) -> dict[str, dict[str, Any]]:
    """Events of `true NAME`, by name."""
    return {e["argv"][1]: e for e in recorder.ours("true") if e["argc"] > 1}


def test_the_parent_is_the_image_that_called_exec(recorder: Recorder) -> None:
    script = (
        "/bin/true direct; (/bin/true subshell; :); ( (/bin/true deep; :); : );"
        "sh -c '/bin/true grandchild; :'; :"
    )
    process = Process(["bash", "-c", script])
    process.wait(PATIENCE_S)
    recorder.stop()
    (bash,) = recorder.events("--pid", str(process.pid), "--comm", "bash")
    (sh,) = recorder.ours("sh")
    rows = _by_argument(recorder)
    assert {rows[name]["parent_id"] for name in ("direct", "subshell", "deep")} == {bash["id"]}
    assert sh["parent_id"] == bash["id"]
    assert rows["grandchild"]["parent_id"] == sh["id"]


def test_a_parent_that_died_first_is_still_the_parent(recorder: Recorder) -> None:
    script = "(while kill -0 $$ 2>/dev/null; do :; done; exec /bin/true orphan) & exit 0"
    process = Process(["bash", "-c", script])
    process.wait(PATIENCE_S)
    wait_for(lambda: recorder.ours("true", "orphan"), "the orphan")
    recorder.stop()
    (bash,) = recorder.events("--pid", str(process.pid), "--comm", "bash")
    assert _by_argument(recorder)["orphan"]["parent_id"] == bash["id"]
    assert bash["ended"] == "exit"


def test_parents_are_right_when_pids_are_reused(recorder: Recorder, tmp_path: Path) -> None:
    """The next pid is set in the initial namespace, whose pids are recorded."""
    counter = Path("/proc/sys/kernel/ns_last_pid")
    script = (
        "import os, subprocess, sys\n"
        "for turn in range(5):\n"
        "    for attempt in range(200):\n"
        "        open('/proc/sys/kernel/ns_last_pid', 'w').write(sys.argv[1])\n"
        "        p = subprocess.Popen(['sh', '-c', f'/bin/true turn{turn}; :'])\n"
        "        p.wait()\n"
        "        if p.pid == int(sys.argv[1]) + 1: break\n"
        "    else: sys.exit(3)\n"
    )
    last = int(counter.read_text())
    free = next(pid for pid in range(last + 2000, last + 9000) if not Path(f"/proc/{pid}").exists())
    wanted = free % 30_000 if free < 32_000 else 5_000 + free % 20_000
    subprocess.run(["python3", "-c", script, str(wanted)], check=True, timeout=PATIENCE_S)
    recorder.stop()
    shells = {e["id"]: e for e in recorder.ours("sh")}
    for turn in range(5):
        events = recorder.ours("true", f"turn{turn}")
        shell = shells[events[-1]["parent_id"]]
        assert shell["pid"] == wanted + 1
        assert shell["argv"][2] == f"/bin/true turn{turn}; :"


def test_descendants_and_tree(recorder: Recorder) -> None:
    process = Process(["bash", "-c", "sh -c '/bin/true leaf; exit 3'; /bin/false; :"])
    process.wait(PATIENCE_S)
    recorder.stop()
    (bash,) = recorder.events("--pid", str(process.pid), "--comm", "bash")
    below = recorder.events("--descendants-of", str(bash["id"]))
    assert [e["comm"] for e in below] == ["sh", "true", "false"]
    lines = recorder.run("tree", "--wide", str(process.pid)).splitlines()
    index = next(n for n, line in enumerate(lines) if line.endswith("<--"))
    indent = lines[index].index(str(process.pid))
    assert "bash -c" in lines[index]
    assert [
        line[indent:].split(" root ")[0].rstrip("0123456789") for line in lines[index + 1 :]
    ] == [
        "├─ ",
        "│  └─ ",
        "└─ ",
    ]
    assert " exit 3, " in lines[index + 1]
    assert " exit 1, " in lines[index + 3]
    assert recorder.run("tree", "--wide", "--id", str(bash["id"])).splitlines() == lines


def test_what_ran_before_is_seen_not_recorded(recorder: Recorder) -> None:
    """This very test began before the recorder."""
    process = Process(["true", "child of the test"])
    process.wait(PATIENCE_S)
    recorder.stop()
    assert recorder.events("--pid", str(os.getpid())) == []
    lines = recorder.run("tree", "--wide", str(process.pid)).splitlines()
    ours = next(n for n, line in enumerate(lines) if f"{os.getpid()} root " in line)
    assert " seen, " in lines[ours]
    assert Path("/proc/self/cmdline").read_text().split("\0")[0][:11] in lines[ours]
    assert "true 'child" in lines[ours + 1]
    assert " seen, " in lines[0]


def test_tree_of_nothing(tmp_path: Path) -> None:
    command = [EXECDB, "--db", tmp_path / "a.db"]
    subprocess.run([*command, "config", "set", "0", "x"], check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run([*command, "tree", "1"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        1,
        f"execdb: there is no process 1 in {tmp_path}/a.db: execdb query shows what there is\n",
    )
