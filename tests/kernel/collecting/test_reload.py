"""SIGHUP: the files of options are read again, while execs are recorded."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kernel.recorder import Recorder, wait_for
from tests.others import others_can_run_it
from tests.processes.process import join

Record = Callable[..., Recorder]
EXECS = 307


@pytest.fixture
def own(reachable: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that is read: the collector reads it as another user."""
    path = reachable / "options.toml"
    path.write_text("[collect]\n")
    monkeypatch.setenv("EXECDB_OPTIONS", str(path))
    return path


def reload(recorder: Recorder) -> str:
    """The line that a SIGHUP makes it say."""
    before = recorder.log
    recorder.process.send_signal(signal.SIGHUP)
    wait_for(lambda: recorder.log.count("\n") > before.count("\n"), "an answer to SIGHUP")
    return recorder.log.removeprefix(before).splitlines()[0]


@others_can_run_it
def test_what_can_change_changes_and_the_rest_is_named(record: Record, own: Path) -> None:
    recorder = record("--max-size", "50MB")
    assert reload(recorder) == "options read again: nothing differs"
    own.write_text(
        '[collect]\nkeep = "30d"\nmax-size = "20MB"\nring-pages = 64\nredact = true\n'
        "attempts = true\nmin-free = 1.5\n"
    )
    assert reload(recorder) == (
        "options read again: now --keep 30d, --min-free 1.5, --redact; "
        "--attempts, --ring-pages will change at the next start"
    )
    subprocess.run(["true", "--password=hunter2"], check=True)
    wait_for(lambda: recorder.ours("true", "--password=[redacted]"), "an exec without its secret")
    own.write_text(
        f'[redact]\npatterns = ["badge-[0-9]+"]\n[collect]\nredact = true\ndb = "{own}"\n'
    )
    assert "no such option" in reload(recorder)
    own.write_text(
        'db = "/other.db"\n[redact]\npatterns = ["badge-[0-9]+"]\n[collect]\nredact = true\n'
    )
    assert reload(recorder) == (
        "options read again: now no --keep, --min-free 2.0, other patterns to redact"
    )
    subprocess.run(["true", "badge-23"], check=True)
    wait_for(lambda: recorder.ours("true", "[redacted]"), "an exec without a badge")
    assert ", 0 lost, " in recorder.stop()


BAD = {
    "[collect\n": "is not TOML",
    '[collect]\nkeep = "soon"\n': "options.toml: [collect] keep: cannot read 'soon' as an age",
    "[collect]\nkeeep = 3\n": "did you mean keep?",
    '[collect]\nmax-size = "1kB"\n': "must be at least",
    '[redact]\npatterns = ["("]\n[collect]\nredact = true\n': "[redact] patterns",
}


@pytest.mark.thorough
@others_can_run_it
def test_a_bad_file_changes_nothing(record: Record, own: Path) -> None:
    recorder = record()
    for text, why in BAD.items():
        own.write_text(text)
        line = reload(recorder)
        assert line.startswith("warning: the options stay as they were: "), line
        assert why in line
        own.write_text("[collect]\n")
        assert reload(recorder) == "options read again: nothing differs"


@pytest.mark.thorough
def test_a_part_that_cannot_be_loaded_then_ends_nothing(
    record: Record, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.with_name("re2.py").write_text("raise ImportError('made up')\n")
    monkeypatch.setenv("PYTHONPATH", str(own.parent))
    recorder = record()
    own.write_text("[redact]\npatterns = ['badge-[0-9]+']\n[collect]\nredact = true\n")
    line = reload(recorder)
    assert line.startswith("warning: the options stay as they were: cannot load a part"), line
    subprocess.run(["true", "23"], check=True)
    wait_for(lambda: recorder.ours("true", "23"), "an exec")
    assert ", 0 lost, " in recorder.stop()


@pytest.mark.thorough
def test_age_is_bounded_from_then_on(record: Record, own: Path) -> None:
    recorder = record()
    subprocess.run(["true", "first"], check=True)
    wait_for(lambda: recorder.ours("true", "first"), "the first exec")
    own.write_text('[collect]\nkeep = "1s"\n')
    assert reload(recorder) == "options read again: now --keep 1s"
    wait_for(lambda: not recorder.ours("true", "first"), "the first exec to be removed")


def test_no_exec_is_lost_meanwhile(record: Record, own: Path) -> None:
    recorder = record()
    done = threading.Event()

    def execs() -> None:
        for number in range(EXECS):
            subprocess.run(["true", f"n{number}"], check=True)
        done.set()

    thread = threading.Thread(target=execs, daemon=True)
    thread.start()
    sizes = 20
    while not done.is_set():
        sizes += 1
        own.write_text(f'[collect]\nmax-size = "{sizes}MB"\nkeep = "{sizes}d"\n')
        assert f"now --keep {sizes}d, --max-size {sizes}MB" in reload(recorder)
    join(thread)
    assert sizes > 22
    assert ", 0 lost, " in recorder.stop()
    assert [e["argv"][1] for e in recorder.ours("true")] == [f"n{n}" for n in range(EXECS)]
    assert recorder.coverage()[0]["kind"] == "recorded"
    assert len(recorder.coverage()) <= 2  # after the end it is blind


def test_a_terminal_that_goes_away_ends_it(tmp_path: Path) -> None:
    """`setsid --ctty` makes the pseudo-terminal control it; closing the other side hangs it up."""
    master, slave = os.openpty()
    recorder = Recorder(tmp_path / "a.db", under=["setsid", "--ctty"], stdin=slave)
    os.close(slave)
    try:
        assert "read again" in reload(recorder)
    finally:
        os.close(master)
    assert recorder.process.wait(60) == 0
    assert "recorded " in recorder.log.splitlines()[-1]


@pytest.mark.thorough
def test_a_file_that_cannot_be_read_any_more(record: Record, own: Path) -> None:
    recorder = record()
    own.chmod(0o600)
    assert "the options stay as they were: cannot read" in reload(recorder)
    own.unlink()
    assert reload(recorder) == (
        f"warning: the options stay as they were: {own} is gone: "
        "make it empty to have no options from it"
    )
    recorder.stop()
