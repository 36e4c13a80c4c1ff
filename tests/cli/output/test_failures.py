"""Whatever is asked for, in whatever surroundings: an answer, or one line and an exit code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from execdb.cli import main
from execdb.store.file.database import open_database
from tests.cli.conftest import Run
from tests.conftest import EXECDB, an_exec, recorded
from tests.running.thorough import first

HUGE = "99999999999999999999"
NUMBERS = (
    *("0", "-1", "1", str(2**31), str(2**32), str(2**63 - 1), str(2**63), str(-(2**63)), HUGE),
    *(f"-{HUGE}", "1e400", "nan", "inf", "-inf", "0x10", "1_0", "٣", "²", "", " ", "\x1b[2J"),
    *("\udcff", "9" * 5_003, "é", "\u202e", "\u2028", "'", "a\nb", "--", "-"),
)
TIMES = (
    *("nan", "inf", "1e400", "-5m", "٣d", "@", "@nan", f"@{HUGE}", "1732573000000"),
    *("@1732573000000", "0000-00-00", "9999-12-31", "0001-01-01", "2300-01-01", "1600-01-01"),
    *("2026-03-29 02:30", "2026-10-25 02:30", "24:00", "yesterday ago", "@-1", "@1.5"),
)
OPTIONS = {
    "query": (
        *("--pid", "--ppid", "--uid", "--loginuid", "--limit", "--descendants-of", "--comm"),
        *("--path", "--arg", "--message", "--cgroup", "--format", "--since", "--until"),
    ),
    "replay": ("--pid", "--uid", "--speed", "--idle-limit", "--since"),
    "tree": ("--id", ""),
    "coverage": ("--since", "--until", "--format"),
    "prune": ("--dry-run --older-than", "--dry-run --max-size"),
    "config get": ("",),
    "config set": ("", "0"),
    "config unset": ("",),
    "config list": ("--format",),
    "status": ("--format",),
    "import": ("",),
    "doctor": ("--format",),
    "collect": ("--for", "--ring-pages", "--keep", "--max-size", "--min-free", "--format"),
    "": ("", "--db"),
}
AND_WRONG = {"collect": ("--user", "no-such-user")}  # what is right would begin to record


@pytest.fixture
def filled(db: Path) -> Path:
    with open_database(db) as database:
        recorded(database, [an_exec(n) for n in range(7)])
    return db


@pytest.mark.parametrize("command", first(5, OPTIONS))
def test_bad_input_is_an_answer_or_a_line(
    run: Run, filled: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception would fail the test: what catches the last of them is not `run`."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    monkeypatch.chdir(filled.parent)
    for option in OPTIONS[command]:
        values = NUMBERS + (TIMES if option in ("--since", "--until") else ())
        for value in values:
            arguments = [*command.split(), *option.split(), value, *AND_WRONG.get(command, ())]
            if arguments == ["import", "-"]:
                continue
            code, out, err = run(*arguments)
            assert code in (0, 1, 2, 3), arguments
            assert "Traceback" not in out + err
            if code in (1, 2):
                assert err.startswith(("execdb: ", "note: ")), (arguments, err)
                assert err.count("\n") <= 2, (arguments, err)
            assert len(err) < 1_000, arguments
            assert all(c.isprintable() or c == "\n" for c in out + err), arguments


@pytest.mark.parametrize("option", ["--id", "--limit", "--pid", "--ppid", "--descendants-of"])
@pytest.mark.parametrize("number", [2**63, 2**64, int(HUGE)])
def test_a_number_beyond_the_file_is_wrong_usage(
    run: Run, filled: Path, option: str, number: int
) -> None:
    command = "tree" if option == "--id" else "query"
    code, out, err = run(command, option, number)
    assert (code, out) == (2, "")
    assert option in err
    assert err.count("\n") == 1


def broken(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(_: list[str]) -> int:
        raise error

    monkeypatch.setattr(main, "run", fail)
    monkeypatch.setattr(main, "replace_streams", lambda: None)
    monkeypatch.setattr(os, "_exit", sys.exit)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ZeroDivisionError("division by zero"), "unexpected ZeroDivisionError: division by zero"),
        (KeyError("\x1b[2J" * 997), "unexpected KeyError: '"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("can't start new thread"), "no more processes or threads"),
        (RuntimeError("other"), "unexpected RuntimeError: other"),
        (ImportError("libsqlite3.so.0: failed to map"), "cannot load a part of the program"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("debug", ["", "1"])
def test_what_nobody_thought_of_is_a_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    words: str,
    debug: str,
) -> None:
    """With EXECDB_DEBUG the traceback as well, escaped as all else."""
    broken(monkeypatch, error)
    monkeypatch.setenv("EXECDB_DEBUG", debug)
    with pytest.raises(SystemExit) as ended:
        main.main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (1, "")
    *story, line = err.splitlines()
    assert line.startswith("execdb: ")
    assert words in line
    assert len(line) < 1_000
    assert "\x1b" not in err
    assert (story[0] if story else "") == ("Traceback (most recent call last):" if debug else "")
    if "unexpected" in words:
        assert "please report this" in line
        assert "EXECDB_DEBUG=1" in line


@pytest.mark.parametrize(
    "command", first(1, ["query --count", "query", "status", "tree", "coverage"])
)
@pytest.mark.parametrize("kib", [30_000, 35_000, 40_000, 60_000])
def test_little_memory(filled: Path, command: str, kib: int) -> None:
    done = subprocess.run(
        ["bash", "-c", f"ulimit -v {kib}; exec '{EXECDB}' {command}"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1)
    if done.returncode:
        assert done.stderr.startswith("execdb: ")
        assert done.stderr.count("\n") == 1


LAST = """
import os, sys
from execdb.cli import main
from execdb.cli.output import failures
def no_room(error): raise SystemError("error return without exception set")
failures.unexpected = no_room
main.replace_streams = lambda: 1 // 0
main.main()
"""


def test_even_if_there_is_no_memory_to_say_so() -> None:
    done = subprocess.run([sys.executable, "-c", LAST], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("execdb: there is not enough memory")
    assert done.stderr.count("\n") == 1
