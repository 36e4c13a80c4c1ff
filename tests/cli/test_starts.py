"""What a start imports: no more than the command needs."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_imports import within


def modules_after(code: str, *arguments: str) -> set[str]:
    code = f"import sys; {code}; print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.split())


# What a command need not have imported to do its work, by how it is called.
HEAVY = {"sqlalchemy", "alembic", "rich", "ctypes", "bcc", "sqlite3"}
PLAIN = (HEAVY - {"sqlite3"}) | {"execdb.store.writing.recording"}  # of a question
SPARED = {
    "--help": HEAVY
    | {
        "execdb.cli.commands.history.query",
        "execdb.cli.commands.recorder.collect",
        "execdb.store.event",
        "execdb.store.fields",
    },
    "--version": (HEAVY - {"sqlite3"})
    | {"execdb.cli.commands.history.query", "execdb.cli.commands.recorder.collect"},
    "query --help": HEAVY
    | {"execdb.cli.commands.recorder.collect", "execdb.cli.commands.history.replay"},
    "collect --help": HEAVY | {"execdb.cli.commands.history.query", "execdb.collector.collect"},
    "config --help": HEAVY | {"execdb.cli.commands.history.query", "execdb.store.config.table"},
    "query --format line": PLAIN,
    "query --format ndjson": PLAIN,
    "query --format table": (PLAIN - {"rich"}) | {"psycopg"},
    "config list": {"alembic", "rich", "ctypes", "bcc", "execdb.store.reading.history"},
    "replay --speed 0": PLAIN,
}


@pytest.mark.parametrize("command", SPARED)
def test_a_command_imports_no_more_than_it_needs(command: str, db: Path) -> None:
    code = f"from execdb.cli.main import run; assert run({command.split()}) == 0"
    assert modules_after(code) & (SPARED[command] | {"psycopg"}) == set()


@pytest.mark.parametrize("command", ["query", "stats", "coverage", "status", "config list"])
def test_without_the_driver_a_url_says_what_to_install(command: str) -> None:
    words = [*command.split(), "--db", "postgresql://x@localhost:1/y"]
    code = (
        f"import sys; sys.modules['psycopg'] = None; from execdb.cli.main import run; run({words})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'psycopg[binary]'" in done.stderr, done.stderr


@pytest.mark.parametrize("url", ["mysql://x/y", "postgresql+psycopg://x/y", "sqlite:///x.db"])
def test_another_url_is_no_path(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "execdb", "query", "--db", url], capture_output=True, text=True
    )
    assert (done.returncode, "begins with postgresql://" in done.stderr) == (2, True), done.stderr


def test_the_python_interface_stands_without_the_command_line(db: Path) -> None:
    begun = modules_after("import execdb")
    assert begun & (HEAVY | {"execdb.history"}) == set()
    used = modules_after(
        "import execdb; history = execdb.open(sys.argv[1]); list(history.events(since='2h')); "
        "history.runs(); history.coverage(); history.close()",
        str(db),
    )
    assert "execdb.history" in used
    assert {name for name in used if within(name, ("execdb.cli", "execdb.collector"))} == set()
    assert used & {"typer", "click", "rich", "alembic", "bcc"} == set()


def test_what_is_called_heavy_is_there() -> None:
    """So that the names above do not go stale."""
    spared = set().union(*SPARED.values()) - {"bcc"}
    assert {name for name in spared if importlib.util.find_spec(name) is None} == set()
