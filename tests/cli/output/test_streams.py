"""Standard streams in every state, and the locale: what is right to write, and what to where."""

import csv
import io
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from execdb.store.event import raw_of
from execdb.store.file.database import open_database
from tests.conftest import EXECDB, START_NS, an_exec, counts, recorded
from tests.running.thorough import first

Execdb = Callable[..., subprocess.CompletedProcess[bytes]]
ARGV = ("run", "é", "😀", "─", "\udcff", "\x9b", "\u202e")
LOCALES = {
    "UTF-8": {"LC_ALL": "C.UTF-8"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "POSIX, with Python's own UTF-8": {"LC_ALL": "POSIX", "PYTHONUTF8": "1"},
    "Latin-1": {"PYTHONIOENCODING": "latin-1"},
    "ASCII, strictly": {"PYTHONIOENCODING": "ascii:strict"},
    "UTF-16": {"PYTHONIOENCODING": "utf-16"},
}
every_locale = pytest.mark.parametrize("locale", first(2, LOCALES))


@pytest.fixture
def filled(db: Path) -> Path:
    with open_database(db) as database:
        events = [an_exec(0, argv=ARGV), an_exec(1)]
        recorded(database, events).finish(START_NS + 10**9, counts(2))
    return db


def execdb(locale: str, *arguments: str) -> bytes:
    """What it writes to stdout."""
    environment = {k: v for k, v in os.environ.items() if k not in ("LC_ALL", "LANG")}
    done = subprocess.run(
        [EXECDB, *arguments], capture_output=True, env=environment | LOCALES[locale], timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


@every_locale
@pytest.mark.parametrize("format", ["json", "ndjson"])
def test_json_is_utf_8_whatever_the_locale(filled: Path, locale: str, format: str) -> None:
    text = execdb(locale, "query", "--format", format, "--arg", "😀").decode("utf-8", "strict")
    (event,) = json.loads(text) if format == "json" else map(json.loads, text.splitlines())
    assert tuple(event["argv"]) == ARGV
    assert "é" in text
    assert "😀" in text


@every_locale
def test_csv_is_utf_8_whatever_the_locale(filled: Path, locale: str) -> None:
    text = execdb(locale, "query", "--format", "csv", "--arg", "😀").decode("utf-8", "strict")
    (row,) = csv.DictReader(io.StringIO(text))
    assert tuple(json.loads(row["argv"])) == ARGV


@pytest.mark.parametrize("locale", first(1, ["C", "Latin-1", "ASCII, strictly"]))
@pytest.mark.parametrize("command", ["query --format line", "query --format table", "tree --id 1"])
def test_what_a_terminal_cannot_show_is_escaped(
    filled: Path, locale: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte that is not UTF-8 can be told from a character: \\xff and \\u00ff."""
    monkeypatch.setenv("COLUMNS", "211")
    text = execdb(locale, *command.split()).decode("ascii", "strict")
    (shown,) = (line for line in text.splitlines() if "run" in line)
    assert r"run $'\u00e9' $'\U0001f600' $'\u2500' $'\xff' $'\u009b' $'\u202e'" in shown
    assert r"\u25" not in text.replace(r"$'\u2500'", "")  # what we draw with


@every_locale
def test_a_message_is_the_bytes_that_were_typed(db: Path, locale: str) -> None:
    execdb(locale, "config", "set", "0", "é")
    assert execdb("UTF-8", "config", "get", "0") == "é\n".encode()


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"'{EXECDB}' {command}"], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("stderr", first(1, ["2>/dev/full", "2>&-"]))
@pytest.mark.parametrize(
    ("command", "answer", "code"),
    [
        ("query --count --since 1d", "0\n", 0),
        ("query --count --strict --since 1d", "0\n", 3),
        ("query --count --since 2200-01-01", "0\n", 0),
        ("replay --speed 0 --format plain --since 1d", "", 0),
        ("query --uid no-such-user", "", 2),
    ],
)
def test_an_answer_does_not_depend_on_stderr(
    filled: Path, command: str, answer: str, code: int, stderr: str
) -> None:
    done = shell(f"{command} {stderr}")
    assert (done.stdout, done.stderr, done.returncode) == (answer, "", code)


@pytest.mark.parametrize(
    "command", first(2, ["query", "query --count", "status", "tree", "--help"])
)
@pytest.mark.parametrize(
    ("stdout", "reason"), [(">&-", "stdout is closed"), (">/dev/full", "No space left")]
)
def test_an_answer_that_cannot_be_given_is_an_error(
    filled: Path, command: str, stdout: str, reason: str
) -> None:
    done = shell(f"{command} {stdout}")
    assert done.returncode == 1
    assert done.stderr.startswith("execdb: ")
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert shell(f"{command} {stdout} 2>&-").returncode == 1


def test_streams_that_are_closed_do_not_become_the_database(db: Path) -> None:
    """It would get the lowest free descriptor."""
    for streams in ("<&- >&- 2>&-", ">&- 2>&-", "2>&-"):
        shell(f"config set 0 x {streams}")
        shell(f"config set no-such-user x {streams}")
    with open_database(db) as database:
        assert database.check() is None


def test_json_goes_through_a_locale_and_back(filled: Path, tmp_path: Path) -> None:
    exported = execdb("C", "query", "--format", "ndjson")
    done = subprocess.run(
        [EXECDB, "--db", tmp_path / "other.db", "import", "-"],
        input=exported, capture_output=True, env=os.environ | LOCALES["C"], timeout=60,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (b"imported 2 execs, 0 were there already\n", b"")
    found = execdb("UTF-8", "--db", str(tmp_path / "other.db"), "query", "--format", "ndjson")
    assert json.loads(found.splitlines()[0])["argv"] == list(ARGV)
    assert raw_of(ARGV[4]) == b"\xff"
