"""Recorders and compiled programs as fixtures."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.ground_truth import compile_programs
from tests.kernel.recorder import Recorder, SharedRecorder
from tests.processes.leftovers import outlasts


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without root these tests prove nothing: skipped for a developer, a failure in CI."""
    skipped = os.geteuid() != 0 and not os.environ.get("CI")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.kernel)
            if skipped:
                item.add_marker(pytest.mark.skip(reason="needs root: sudo make test"))


SHARED = bool(os.environ.get("EXECDB_TEST_SHARED"))  # in an emulated machine a start takes long


@pytest.fixture(scope="session" if SHARED else "module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Recorder]]:
    """Recorders that run from test to test, one for each set of options: to the end of the module,
    or of all tests if EXECDB_TEST_SHARED=1."""
    recorders: dict[tuple[str, ...], Recorder] = {}

    with contextlib.ExitStack() as stack:

        def shared_recorder(*options: str) -> Recorder:
            if options not in recorders:
                db = tmp_path_factory.mktemp("shared") / "execdb.db"
                recorders[options] = recorder = Recorder(db, *options)
                outlasts(recorder.process.pid)
                stack.callback(_end, recorder)
            return SharedRecorder(recorders[options])

        yield shared_recorder


def _end(recorder: Recorder) -> None:
    """By a kill if need be."""
    try:
        assert ", 0 lost, " in recorder.stop()
    finally:
        recorder.kill()


@pytest.fixture
def record(tmp_path: Path, shared: Callable[..., Recorder]) -> Iterator[Callable[..., Recorder]]:
    """Starts a recorder; whatever the test leaves running is ended. With EXECDB_TEST_SHARED=1, one
    without options of its own is shared."""
    started: list[Recorder] = []

    def start(*options: str, db: Path | None = None, **popen: Any) -> Recorder:
        if SHARED and not db and not popen and options in ((), ("--attempts",)):
            return shared(*options)
        recorder = Recorder(db or tmp_path / "execdb.db", *options, **popen)
        started.append(recorder)
        return recorder

    yield start
    for recorder in started:
        with contextlib.suppress(ProcessLookupError):
            recorder.kill()


@pytest.fixture
def recorder(record: Callable[..., Recorder]) -> Recorder:
    """A recorder of the test's own."""
    return record()


@pytest.fixture(scope="session")
def programs() -> Iterator[Path]:
    """The folder of the compiled ground-truth programs, which every user may run. If it is set,
    EXECDB_TEST_PROGRAMS is a folder of programs that were compiled before."""
    with tempfile.TemporaryDirectory(prefix="execdb-programs-") as name:
        folder = Path(name)
        if ready := os.environ.get("EXECDB_TEST_PROGRAMS"):
            shutil.copytree(ready, folder, dirs_exist_ok=True)
        else:
            compile_programs(folder)
        folder.chmod(0o755)  # a copy has the mode of what it was made from
        yield folder
