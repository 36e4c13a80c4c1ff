"""The wheel holds what execdb needs and nothing else, and works where it is installed."""

import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

import execdb
from docs.generate import MAN
from tests.install.conftest import ROOT, Built, Installed, run
from tests.processes.process import Process
from tests.trace import hello_build

pytestmark = pytest.mark.install

FOLDERS = ("bpf", "cli", "collector", "livereplay", "migrations", "store")


def sources() -> set[str]:
    """The files that are to be installed, by the name that they get."""
    names = {
        f"execdb/{path.relative_to(ROOT)}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    return names | {f"execdb/{path.name}" for path in (ROOT / "api").glob("*.*")}


def test_the_wheel_holds_what_is_to_be_installed_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        names = {*wheel.namelist()}
    about = f"execdb-{execdb.__version__}.dist-info"
    pages = f"execdb-{execdb.__version__}.data/data/share/man/man1/"
    in_place = {name for name in names if name.startswith(pages)}
    assert {Path(name).name for name in in_place} == {path.name for path in MAN.iterdir()}
    assert {name for name in names - in_place if not name.startswith(about)} == sources()
    assert {"execdb/py.typed", "execdb/bpf/c/execdb.bpf.c", f"{about}/licenses/LICENSE"} <= names


def test_the_source_distribution_holds_the_tests(built: Built) -> None:
    with tarfile.open(built.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {
        "Makefile",
        "LICENSE",
        "tests/trace.py",
        "tests/data/gnu-hello-build.ndjson.xz",
    } <= names
    assert {"tests/kernel/programs/storm.c", "docs/schema.md", "CHANGELOG.md"} <= names
    assert not any("__pycache__" in name for name in names)


@pytest.fixture(params=["by_pip", "by_pipx"])
def installed(request: pytest.FixtureRequest) -> Installed:
    found: Installed = request.getfixturevalue(request.param)
    return found


def test_it_is_found_outside_of_the_clone(installed: Installed, tmp_path: Path) -> None:
    lines = run(installed.execdb, "--version", cwd=tmp_path).splitlines()
    assert lines[0] == f"execdb {execdb.__version__}"
    place = run(installed.python, "-c", "import execdb; print(execdb.__file__)", cwd=tmp_path)
    assert Path(place.strip()).is_relative_to(installed.python.parents[1])
    assert run(installed.python, "-m", "execdb", "--version", cwd=tmp_path).splitlines() == lines


def test_it_records(installed: Installed, tmp_path: Path) -> None:
    if os.geteuid() != 0 and not os.environ.get("CI"):
        pytest.skip("needs root: sudo make test-wheel")
    db = tmp_path / "execdb.db"
    recorder = Process(
        [installed.execdb, "--db", db, "collect"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert recorder.stderr is not None
    assert recorder.stderr.readline().startswith("recording to")
    ours = [Process(["true", str(number)]) for number in range(7)]
    for process in ours:
        process.wait()
    recorder.send_signal(signal.SIGINT)
    assert recorder.wait(60) == 0, recorder.stderr.read()
    recorder.stderr.close()
    options = ("--comm", "true", "--format", "plain")
    lines = run(installed.execdb, "--db", db, "query", *options, cwd=tmp_path).splitlines()
    assert {f"{process.pid} 0 true Hello World" for process in ours} <= {*lines}
    code = "import execdb, sys; print(execdb.open(sys.argv[1]).count(comm='true'))"
    assert int(run(installed.python, "-c", code, db, cwd=tmp_path)) == len(lines)


SCRIPT = """\
import sys
from collections.abc import Iterator
from datetime import timedelta

import execdb


def compilers(history: execdb.History) -> Iterator[execdb.Event]:
    yield from history.events(running=None, limit=3, reverse=True, comm="c*")


def main(path: str) -> int:
    try:
        with execdb.open(path) as history:
            for event in compilers(history):
                code: int | None = event.exit_code
                words: tuple[str, ...] = event.argv
                print(event.comm, event.time_ns + 1, event.time, code, len(words))
            run: execdb.Run
            for run in history.runs():
                print(run.host.upper(), run.lost + 1)
            periods: list[execdb.Period] = history.coverage(since=timedelta(days=7))
            print(sum(period.events for period in periods if not period.complete))
            return history.count(since="2h")
    except execdb.DatabaseError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
"""
WRONG = {
    "execdb.open().events(colour='red')": "colour",
    "execdb.open().events(pid='seven')": "pid",
    "execdb.open().events().comm": "comm",
    "next(execdb.open().events()).colour": "colour",
    "execdb.nothing": "nothing",
    "execdb.open(7)": "open",
}


@pytest.fixture(scope="module")
def told_by_mypy(by_pip: Installed, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Of both scripts, strictly, in a folder without any configuration."""
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "right.py").write_text(SCRIPT)
    (folder / "wrong.py").write_text("\n".join(["import execdb", *WRONG, ""]))
    options = ("--strict", "--python-executable", by_pip.python)
    command = [sys.executable, "-m", "mypy", *options, "right.py", "wrong.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout.splitlines()


def test_a_checker_of_types_finds_what_is_wrong_in_a_script(told_by_mypy: list[str]) -> None:
    for number, (line, word) in enumerate(WRONG.items(), 2):
        errors = [told for told in told_by_mypy if told.startswith(f"wrong.py:{number}: error: ")]
        assert any(word in told for told in errors), line
    assert [told for told in told_by_mypy if "error:" in told and "wrong.py" not in told] == []


def test_a_script_reads_the_history(by_pip: Installed, tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(SCRIPT)
    (tmp_path / "build.ndjson").write_text(hello_build())
    run(by_pip.execdb, "--db", "execdb.db", "import", "build.ndjson", cwd=tmp_path)
    told = run(by_pip.python, "right.py", "execdb.db", cwd=tmp_path).splitlines()
    assert [line[0] for line in told[:3]] == ["c"] * 3
    assert told[3:] == ["0"]  # events of no complete period


def test_the_page_says_what_it_needs_and_starts_once_that_is_there(
    built: Built, by_pip: Installed, tmp_path: Path
) -> None:
    run(by_pip.execdb, "--db", "execdb.db", "import", "/dev/null", cwd=tmp_path)
    command = [by_pip.execdb, "--db", tmp_path / "execdb.db", "web", "--port", "0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "pip install jinja2 starlette uvicorn" in done.stderr
    pip = by_pip.python.with_name("pip")
    run(pip, "install", "-q", f"{built.wheel}[web]", cwd=tmp_path)
    with Process(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        try:
            browser = build_opener(HTTPCookieProcessor())
            with browser.open(address, timeout=60) as answer:
                assert (answer.status, b"<html" in answer.read()) == (200, True)
        finally:
            server.terminate()
    assert server.returncode == 0
