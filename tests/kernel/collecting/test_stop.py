"""How a recording ends: by a signal, after a time, or before it began."""

import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.kernel.bpf_state import no_program_is_left, programs_of
from tests.kernel.recorder import EXECDB, PATIENCE_S, Recorder


def test_nothing_stays_attached_after_a_clean_end(recorder: Recorder) -> None:
    assert "on_exec" in {each["name"] for each in programs_of(recorder.process.pid)}
    recorder.stop(signal.SIGINT)
    no_program_is_left()


def test_says_how_to_stop_it_where_ctrl_c_does_not(record: Callable[..., Recorder]) -> None:
    recorder = record(under=["sh", "-c", 'trap "" INT; exec "$@"', "sh"])
    assert f"(kill {recorder.process.pid} to stop)" in recorder.log
    recorder.process.send_signal(signal.SIGINT)
    recorder.stop(signal.SIGTERM)


def test_refuses_a_second_collector(recorder: Recorder) -> None:
    done = subprocess.run(
        [EXECDB, "--db", recorder.db, "collect"], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"execdb: another collector (pid {recorder.process.pid}) already records to {recorder.db}\n"
    )


def test_stops_by_itself_after_the_time_asked_for(tmp_path: Path) -> None:
    started = time.monotonic()
    done = subprocess.run(
        [EXECDB, "--db", tmp_path / "a.db", "collect", "--for", "0.3"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0
    assert done.stdout == ""
    assert re.search(r"recorded \d+ execs? in 0\.", done.stderr)
    assert time.monotonic() - started > 0.3


def test_needs_privileges_and_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        ["setpriv", "--bounding-set", "-all", EXECDB, "--db", tmp_path / "a.db", "collect"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 1
    assert done.stderr == ("execdb: recording needs root (or CAP_BPF and CAP_PERFMON): try sudo\n")
    assert not (tmp_path / "a.db").exists()
