"""Wrong usage, files that are no database, and stdout in any state: one line and an exit code."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from execdb.store.file.database import open_database
from tests.cli.conftest import Execdb, Run, refused
from tests.conftest import EXECDB, Answer, an_exec, recorded
from tests.processes.process import Process

USAGE = {
    "a message of 13 bytes": (["config", "set", "0", "Hi user 5012!"], "12"),
    "a message with a newline": (["config", "set", "0", "a\nb"], "control"),
    "uid -1": (["config", "set", "-1", "x"], "0..4294967294"),
    "uid 4294967295": (["config", "set", "4294967295", "x"], "0..4294967294"),
    "a uid of very many digits": (["config", "set", "9" * 5_003, "x"], "0..4294967294"),
    "get of uid -1": (["config", "get", "-1"], "0..4294967294"),
    "an unknown user": (["config", "set", "no-such-user", "x"], "no-such-user"),
    "a default of 13 bytes": (["config", "default", "Hi user 5012!"], "12"),
    "config set without a message": (["config", "set", "0"], "MESSAGE"),
    "query of an unknown user": (["query", "--uid", "no-such-user"], "no-such-user"),
    "query of uid -1": (["query", "--uid", "-1"], "0..4294967294"),
    "since when?": (["query", "--since", "yesterdayish"], "yesterdayish"),
    "until when?": (["replay", "--until", "25:00"], "25:00"),
    "since later than until": (["query", "--since", "1m", "--until", "5m"], "later than"),
    "coverage likewise": (["coverage", "--since", "1m", "--until", "5m"], "later than"),
    "since before all time": (["query", "--since", "9" * 400 + "d"], ""),
    "a negative limit": (["query", "--limit", "-1"], "--limit"),
    "a limit of letters": (["query", "--limit", "ten"], "--limit"),
    "a negative pid": (["query", "--pid", "-1"], "--pid"),
    "a negative speed": (["replay", "--speed", "-1"], "--speed"),
    "a speed that is no number": (["replay", "--speed", "nan"], "--speed"),
    "an idle limit that is no number": (["replay", "--idle-limit", "nan"], "--idle-limit"),
    "a negative idle limit": (["replay", "--idle-limit", "-1"], "--idle-limit"),
    "an unknown command": (["frobnicate"], "frobnicate"),
    "an unknown option": (["query", "--frobnicate"], "--frobnicate"),
    "an unknown format": (["query", "--format", "xml"], "xml"),
    "an argument too many": (["query", "extra"], "extra"),
    "no file to import": (["import"], "FILE"),
    "an empty path": (["--db", "", "query"], "--db"),
    "rings that are no power of two": (["collect", "--ring-pages", "23"], "23"),
    "print and quiet": (["collect", "--print", "--quiet"], "--quiet"),
    "a negative time": (["collect", "--for", "-1"], "--for"),
}


@pytest.mark.parametrize(("arguments", "word"), USAGE.values(), ids=USAGE)
def test_wrong_usage(run: Run, own_database: Path, arguments: list[str], word: str) -> None:
    refused(run(*arguments), 2, word)
    assert not own_database.exists()


@pytest.mark.parametrize("arguments", [["config", "set", "0", "Hi user 5012!"]])
def test_wrong_input_changes_nothing(run: Run, filled: Path, arguments: list[str]) -> None:
    before = run("config", "list").out
    run(*arguments)
    assert run("config", "list").out == before


@pytest.mark.parametrize("option", ["--pid", "--ppid", "--limit"])
def test_a_number_that_no_column_can_hold(run: Run, filled: Path, option: str) -> None:
    answer = run("query", option, "9" * 20)
    assert "Traceback" not in answer.err
    assert answer.code in (0, 2)


@pytest.mark.parametrize("since", ["99999999999d", "9" * 20 + "s"])
def test_since_long_before_the_epoch_is_everything_or_wrong(
    run: Run, filled: Path, since: str
) -> None:
    assert run("query", "--count", "--since", since)[:2] in [(0, "23\n"), (2, "")]


@pytest.mark.parametrize("command", ["query", "replay", "status"])
def test_a_database_that_is_not_there(run: Run, own_database: Path, command: str) -> None:
    refused(run(command), 1, str(own_database), "execdb collect")
    assert not own_database.exists()


@pytest.mark.parametrize("command", [["query"], ["status"], ["config", "set", "0", "x"]])
@pytest.mark.parametrize("text", [None, "hello\n"], ids=["a folder", "a text file"])
def test_what_is_no_database(
    run: Run, tmp_path: Path, command: list[str], text: str | None
) -> None:
    path = tmp_path / "thing"
    path.write_text(text) if text else path.mkdir()
    refused(run("--db", path, *command), 1, str(path))


def test_a_truncated_database(run: Run, filled: Path) -> None:
    os.truncate(filled, filled.stat().st_size // 2)
    answer = run("query")
    assert answer.code == 1
    assert answer.err.count("\n") == 1
    assert "damaged" in answer.err


def test_a_path_that_would_act_on_the_terminal(run: Run, tmp_path: Path) -> None:
    refused(run("--db", tmp_path / "\x1b[31m", "query"), 1, "\\x1b[31m")


def test_a_pipe_instead_of_a_file_does_not_hang(execdb: Execdb, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = execdb("--db", tmp_path / "pipe", "query")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_one_line_and_no_traceback_from_the_process_itself(execdb: Execdb) -> None:
    done = execdb("query")
    refused(Answer(done.returncode, done.stdout, done.stderr), 1)


@pytest.mark.parametrize("command", [["query", "--pid", "x"], ["config", "set"]])
def test_wrong_usage_names_the_help(run: Run, command: list[str]) -> None:
    name = " ".join(word for word in command if not word.startswith("-") and word != "x")
    assert run(*command).err.endswith(f" (see execdb {name} --help)\n")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["config", "get", "7"], "uid 7 has no message of its own"),
        (["config", "unset", "7"], "uid 7 has no message of its own"),
        (["tree"], "nothing is recorded in"),
        (["tree", "0"], "there is no process 0"),
        (["tree", "--id", "-1"], "there is no event -1"),
        (["import", "/nowhere/x"], "cannot read /nowhere/x"),
    ],
)
def test_what_cannot_be_done_is_a_line(run: Run, db: Path, command: list[str], words: str) -> None:
    refused(run(*command), 1, words)


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        (["quary"], ": did you mean query? (see execdb --help)"),
        (["statsu"], ": did you mean stat"),
        (["config", "lits"], ": did you mean list? (see execdb config --help)"),
        (["query", "--limt", "3"], ": did you mean --limit? (see execdb query --help)"),
        (["prun"], "'prun' (see execdb --help)"),
        (["imprt"], "'imprt' (see execdb --help)"),
        (["colect"], "'colect' (see execdb --help)"),
        (["upgrad"], "'upgrad' (see execdb --help)"),
        (["config", "unse"], "'unse' (see execdb config --help)"),
        (["config", "sett"], "'sett' (see execdb config --help)"),
        (["config", "defalt"], "'defalt' (see execdb config --help)"),
    ],
)
def test_a_hint_never_leads_to_a_command_that_writes(
    run: Run, db: Path, command: list[str], hint: str
) -> None:
    refused(run(*command), 2, hint)


def test_config_alone_prints_its_help(run: Run) -> None:
    assert run("config") == run("config", "--help")


def test_help_and_version(run: Run) -> None:
    assert run("-V").out == run("--version").out
    assert run("--help").code == 0
    assert run("query", "--help").code == 0
    assert run("--version").out.startswith("execdb ")


def test_a_reader_that_has_enough(filled: Path) -> None:
    with open_database(filled) as database:
        recorded(database, [an_exec(n, argv=("x" * 97,)) for n in range(100, 5_103)])
    for command in ("query", "query --format json", "replay --speed 0"):
        done = subprocess.run(
            ["bash", "-c", f"'{EXECDB}' {command} | head -n 1; echo ${{PIPESTATUS[0]}}"],
            capture_output=True,
            text=True,
        )
        assert done.stdout.splitlines()[-1] == "0"
        assert "Traceback" not in done.stderr
        assert "Broken" not in done.stderr


def test_a_pipe_gets_much_at_once_however_python_was_started(filled: Path) -> None:
    with open_database(filled) as database:
        recorded(database, [an_exec(n, argv=("x" * 97,)) for n in range(100, 603)])
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:  # where each write is told apart
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        process = Process([EXECDB, "query"], stdout=theirs, env=environment)
        theirs.close()
        writes = [ours.recv(1 << 20)]
        while writes[-1]:
            writes.append(ours.recv(1 << 20))
        assert process.wait(60) == 0
    assert b"".join(writes).count(b"\n") > 503
    assert len(writes) < 23


@pytest.mark.parametrize("closed", ["query >&-", "query 2>&-", "import - <&-", "config list >&-"])
def test_a_stream_that_is_closed_from_the_start(filled: Path, closed: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f"'{EXECDB}' {closed}"], capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1)


def test_a_full_disk_under_the_output(execdb: Execdb, filled: Path) -> None:
    with open("/dev/full", "w") as full:
        done = execdb("query", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
