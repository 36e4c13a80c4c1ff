"""The command as a whole: what it answers, and one line and an exit code where it cannot."""

import gzip
import json
import os
import pty
import shutil
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from execdb.store.config.table import ConfigTable
from execdb.store.fields import to_dict
from execdb.store.file.collector_lock import CollectorLock
from execdb.store.file.database import open_database
from execdb.store.json_text import json_of
from tests.conftest import EXECDB, START_NS, Answer, an_event, an_exec, counts, recorded
from tests.trace import hello_build

Run = Callable[..., Answer]
Execdb = Callable[..., subprocess.CompletedProcess[str]]


def refused(answer: Answer, code: int, *words: str) -> None:
    """One line on stderr, nothing on stdout, the right code."""
    assert (answer.out, answer.code) == ("", code)
    assert answer.err.startswith("execdb: ")
    assert answer.err.count("\n") == 1
    assert answer.err.endswith("\n")
    for word in words:
        assert word in answer.err


@pytest.fixture
def filled(db: Path) -> Path:
    with open_database(db) as database:
        recording = recorded(database, [an_exec(n, argv=("run", str(n))) for n in range(23)])
        recording.finish(an_exec(23).time_ns, counts(23))
    return db


# Wrong input

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
    done = execdb("--db", tmp_path / "pipe", "query", timeout=5)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_one_line_and_no_traceback_from_the_process_itself(execdb: Execdb) -> None:
    done = execdb("query")
    refused(Answer(done.returncode, done.stdout, done.stderr), 1)


def test_help_and_version(run: Run) -> None:
    assert run("--help").code == 0
    assert run("query", "--help").code == 0
    assert run("--version").out.startswith("execdb ")


# Config


def test_config_without_a_collector(run: Run, db: Path) -> None:
    assert run("config", "default").out == "Hello World\n"
    assert run("config", "set", 0, "Hey root!").out == (
        'uid 0: "Hey root!" (saved; takes effect at the next collect)\n'
    )
    assert "saved" in run("config", "set", "root", "Hey root!").out
    assert "saved" in run("config", "set", 501, "Hi user 501!").out
    assert "saved" in run("config", "default", "Moin").out
    assert run("config", "get", "root").out == "Hey root!\n"
    assert run("config", "list").out == "default Moin\n0 Hey root!\n501 Hi user 501!\n"
    assert json.loads(run("config", "list", "--format", "json").out) == {
        "default": "Moin",
        "entries": [{"uid": 0, "message": "Hey root!"}, {"uid": 501, "message": "Hi user 501!"}],
    }
    assert "saved" in run("config", "unset", 0).out
    refused(run("config", "get", 0), 1, "uid 0")
    refused(run("config", "unset", 0), 1, "uid 0")


def test_config_set_makes_the_database(run: Run, own_database: Path) -> None:
    assert run("config", "set", 0, "x").code == 0
    assert own_database.exists()


def test_a_full_config_is_told_its_size(run: Run, db: Path) -> None:
    with open_database(db) as database, database.writing() as connection:
        connection.executemany(
            "INSERT INTO config VALUES (?, 'x')", [(uid,) for uid in range(1, 10_241)]
        )
    refused(run("config", "set", 0, "x"), 1, "10240")


def test_a_row_that_cannot_be_in_the_kernel_is_told(run: Run, db: Path) -> None:
    run("config", "set", 7, "seven")
    with open_database(db) as database, database.writing() as connection:
        connection.execute("INSERT INTO config VALUES (5, 'thirteen byte')")
    why = "a message has at most 12 bytes of UTF-8, this one has 13"
    assert run("config", "list").out.splitlines() == [
        "default Hello World", "7 seven", f"not in the kernel: uid 5: {why}"
    ]  # fmt: skip
    refused = [{"uid": 5, "why": why}]
    assert json.loads(run("config", "list", "--format", "json").out)["refused"] == refused
    assert json.loads(run("status", "--format", "json").out)["config"]["refused"] == refused
    assert f"config     not in the kernel: uid 5: {why}\n" in run("status").out
    answer = run("config", "get", 5)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == f"execdb: uid 5: {why}; set another with execdb config set 5\n"
    assert run("config", "set", 5, "five").code == 0
    assert "not in the kernel" not in run("config", "list").out + run("status").out


def test_a_default_that_cannot_be_one_is_told(run: Run, db: Path) -> None:
    with open_database(db) as database, database.writing() as connection:
        connection.execute("UPDATE config_state SET default_message = x'ff'")
    assert run("config", "default").code == 1
    assert run("config", "list").out.startswith("not in the kernel: the default message: ")
    assert json.loads(run("config", "list", "--format", "json").out)["default"] is None
    assert "the default message: " in run("status").out
    assert run("config", "default", "Moin").code == 0
    assert run("config", "list").out == "default Moin\n"


def test_a_collector_that_does_not_answer(run: Run, db: Path) -> None:
    lock = CollectorLock(db)
    try:
        refused(run("config", "set", 0, "x"), 1, "saved", str(os.getpid()))
    finally:
        lock.close()
    assert run("config", "get", 0).out == "x\n"


def test_a_collector_that_has_it(run: Run, db: Path) -> None:
    with open_database(db) as database:
        ConfigTable(database).confirm(23)
    lock = CollectorLock(db)
    try:
        assert run("config", "set", 0, "x").out == 'uid 0: "x" (in the kernel)\n'
    finally:
        lock.close()


def test_what_an_earlier_collector_had_is_not_in_the_kernel_of_the_next(run: Run, db: Path) -> None:
    """A collector that has only just started has confirmed nothing yet."""
    with open_database(db) as database:
        table = ConfigTable(database)
        table.confirm(table.set(0, "x"))
        recorded(database, []).finish(START_NS, counts(0))
        lock = CollectorLock(db)
        try:
            recorded(database, [])
            assert run("config", "set", 0, "x").code == 1
        finally:
            lock.close()


# Query and replay


def test_query_counts_limits_and_reverses(run: Run, filled: Path) -> None:
    assert run("query", "--count").out == "23\n"
    assert run("query", "--count", "--uid", 0).out == "23\n"
    assert run("query", "--count", "--uid", "root", "--arg", "22").out == "1\n"
    assert run("query", "--count", "--uid", 7).out == "0\n"
    lines = run("query", "--limit", 3).out.splitlines()
    assert [line.split()[-1] for line in lines] == ["20", "21", "22"]
    assert run("query", "--limit", 3, "--reverse").out.splitlines() == lines[::-1]
    assert len(run("query").out.splitlines()) == 23
    assert len(run("query", "--limit", 0).out.splitlines()) == 23


def test_every_format_is_there(run: Run, filled: Path) -> None:
    assert len(json.loads(run("query", "--format", "json").out)) == 23
    assert len(run("query", "--format", "ndjson").out.splitlines()) == 23
    assert run("query", "--format", "plain").out.splitlines()[0] == "1000 0 true Hey root!"
    assert len(run("query", "--format", "csv").out.splitlines()) == 24
    assert "run 22" in run("query", "--format", "table").out


def test_a_query_of_nothing_is_empty(run: Run, db: Path) -> None:
    assert run("query") == (0, "", "note: nothing has been recorded to this file\n")


def on_a_terminal(*arguments: object) -> tuple[str, str]:
    """What a command writes to a terminal, and its stderr."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [str(EXECDB), *map(str, arguments)], stdout=slave, stderr=subprocess.PIPE, text=True
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 65_536)
        except OSError:  # EIO: the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(master)
    assert process.stderr
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0
    return shown.decode(), said


def test_a_terminal_gets_the_latest_fifty_and_a_note(db: Path) -> None:
    with open_database(db) as database:
        recorded(database, [an_exec(n) for n in range(61)]).finish(an_exec(61).time_ns, counts(61))
    shown, said = on_a_terminal("query", "--format", "line")
    assert len(shown.splitlines()) == 50
    assert "61" in said
    shown, said = on_a_terminal("query", "--format", "line", "--limit", 0)
    assert (len(shown.splitlines()), said) == (61, "")


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
        process = subprocess.Popen([EXECDB, "query"], stdout=theirs, env=environment)
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


def test_replay_as_fast_as_possible_is_the_history_and_a_report(run: Run, filled: Path) -> None:
    answer = run("replay", "--speed", 0, "--arg", "2")
    assert answer.out == run("query", "--format", "line", "--arg", "2").out
    assert "replayed 5 execs" in answer.err


@pytest.mark.parametrize("option", [("--idle-limit", "inf"), ("--speed", "inf")])
def test_replay_with_an_endless_number(run: Run, filled: Path, option: tuple[str, str]) -> None:
    answer = run("replay", *option)
    assert answer.code in (0, 2)
    assert answer.err.count("\n") == 1


@pytest.fixture
def hours_apart(db: Path) -> Path:
    with open_database(db) as database:
        recorded(database, [an_exec(0), an_exec(7_200_000)])
    return db


@pytest.mark.parametrize("options", [[], ["--speed", "1e-300"]], ids=["hours", "aeons"])
def test_an_interrupted_replay_reports_and_says_so(hours_apart: Path, options: list[str]) -> None:
    process = subprocess.Popen(
        [EXECDB, "replay", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert "true" in process.stdout.readline()  # the first is due at once; the second is far
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "replayed 1 execs" in said
    assert said.count("\n") == 1


# Import


@pytest.mark.parametrize("terminal", [True, False])
def test_an_import_shows_how_far_it_is_on_a_terminal(
    db: Path, tmp_path: Path, terminal: bool
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text("".join(json_of(to_dict(an_event(n))) + "\n" for n in range(3_001)))
    master, slave = pty.openpty()
    stderr = slave if terminal else subprocess.PIPE
    command = [EXECDB, "--db", db, "import", file]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=stderr, env=environment, timeout=60
    )
    os.close(slave)
    assert done.stdout == b"imported 3001 execs, 0 were there already\n"
    if terminal:
        assert b"importing" in os.read(master, 65_536)
    else:
        assert done.stderr == b""
    os.close(master)


def test_a_file_to_import_that_is_not_there(run: Run, tmp_path: Path) -> None:
    refused(run("import", tmp_path / "missing.ndjson"), 1, "missing.ndjson")
    refused(run("import", tmp_path), 1)


def test_a_malformed_line_is_named(run: Run, db: Path, tmp_path: Path) -> None:
    file = tmp_path / "bad.ndjson"
    file.write_text(json_of(to_dict(an_event())) + "\n{]\n")
    refused(run("import", file), 1, "line 2")
    assert run("query", "--count").out == "0\n"


def test_a_file_that_is_not_utf_8(run: Run, db: Path, tmp_path: Path) -> None:
    file = tmp_path / "bad.ndjson"
    file.write_bytes(b"\xff\n")
    refused(run("import", file), 1, "bad.ndjson: line 1 is not UTF-8")


def test_an_import_says_what_it_learned_and_what_it_cannot_tell(
    run: Run, db: Path, tmp_path: Path
) -> None:
    early, late = tmp_path / "early.ndjson", tmp_path / "late.ndjson.gz"
    early.write_text(json_of(to_dict(an_event(1))) + "\n")
    over = an_event(1, ended="exit", exit_code=0, duration_ns=7), an_event(2, parent_id=997)
    late.write_bytes(gzip.compress("".join(json_of(to_dict(e)) + "\n" for e in over).encode()))
    run("import", early)
    answer = run("import", late)
    assert answer.out == "imported 1 execs, 1 were there already (1 of them learned their end)\n"
    assert answer.err.startswith("note: the parent of 1 exec cannot be told")
    assert answer.err.count("\n") == 1


def test_the_database_is_free_while_an_import_waits_for_its_input(execdb: Execdb, db: Path) -> None:
    command = [EXECDB, "--db", db, "import", "-"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    line = json_of(to_dict(an_event())) + "\n"
    process.stdin.write(line)
    process.stdin.flush()
    while f"pipe:[{os.fstat(process.stdin.fileno()).st_ino}]" not in waits_for(process.pid):
        assert process.poll() is None
    with open_database(db, busy_ms=0) as database:
        recorded(database, [an_exec(n) for n in range(1, 24)])
    out, _ = process.communicate(timeout=60)
    assert out == "imported 1 execs, 0 were there already\n"
    assert execdb("query", "--count").stdout == "24\n"


def waits_for(pid: int) -> str:
    """The file that a process reads from at the moment; empty if it does something else."""
    call = Path(f"/proc/{pid}/syscall").read_text().split()
    reads = len(call) > 1 and call[0] in ("0", "63")  # read(2), on x86-64 and on arm64
    return os.readlink(f"/proc/{pid}/fd/{int(call[1], 16)}") if reads else ""


def events_of(answer: Answer) -> list[dict[str, Any]]:
    """Without what belongs to one file."""
    assert answer.code == 0
    values = [json.loads(line) for line in answer.out.splitlines()]
    return [{k: v for k, v in value.items() if k not in ("id", "run_id")} for value in values]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A recorded build of GNU hello."""
    file = tmp_path / "trace.ndjson"
    file.write_text(hello_build())
    return file


def test_what_was_exported_can_be_imported_elsewhere(
    run: Run, execdb: Execdb, db: Path, template: Path, tmp_path: Path, trace: Path
) -> None:
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    assert run("import", trace).out == f"imported {len(lines)} execs, 0 were there already\n"
    exported = run("query", "--format", "ndjson")
    events = events_of(exported)
    assert len(events) == len(lines)
    lines.sort(key=lambda line: line["time_ns"])
    for event, line in zip(events, lines, strict=True):
        line = {key: value for key, value in line.items() if key not in ("id", "run_id")}
        assert {key: event[key] for key in line} == line

    other = tmp_path / "other.db"
    shutil.copy(template, other)
    done = execdb("--db", other, "import", "-", input=exported.out)
    assert done.stdout == f"imported {len(lines)} execs, 0 were there already\n"
    assert events_of(run("--db", other, "query", "--format", "ndjson")) == events
    assert "imported 0 execs" in run("--db", other, "import", trace).out


# Status


def test_status_tells_what_is_there(run: Run, filled: Path) -> None:
    text = run("status").out
    assert "not running" in text
    assert "seen 23 = stored 23 + filtered 0 + lost 0" in text
    found = json.loads(run("status", "--format", "json").out)
    assert (found["events"], found["collector_pid"], found["database"]) == (23, None, str(filled))
    assert found["seen"] == found["stored"] + found["filtered"] + found["lost"] == 23
    assert found["config"]["in_kernel"] is False


def test_status_knows_the_collector(run: Run, filled: Path) -> None:
    lock = CollectorLock(filled)
    try:
        assert f"running, pid {os.getpid()}" in run("status").out
    finally:
        lock.close()


def test_status_of_an_empty_database(run: Run, db: Path) -> None:
    assert run("status").code == 0


def test_status_shows_no_host_that_acts_on_the_terminal(run: Run, filled: Path) -> None:
    connection = sqlite3.connect(filled)
    with connection:
        connection.execute("UPDATE run SET host = 'a' || char(27) || '[31m'")
    connection.close()
    assert "\x1b" not in run("status").out
    assert "\\x1b[31m" in run("status").out


# Tree


def test_a_tree_shows_who_started_what(run: Run, db: Path) -> None:
    shell = an_exec(0, pid=23, argv=("sh",))
    child = an_exec(1, pid=29, argv=("child", "a b"), parent=(shell.boot_ns, 23))
    with open_database(db) as database:
        recorded(database, [shell, child, an_exec(2, pid=31, argv=("other",))])
    assert [run("tree", pid).code for pid in (23, 29, 31)] == [0, 0, 0]
    assert "child 'a b'" in run("tree", 23).out
    assert "other" not in run("tree", 23).out
    refused(run("tree", 1_009), 1, "1009")


def test_a_tree_of_events_that_claim_to_be_their_own_parents_ends(
    execdb: Execdb, db: Path, tmp_path: Path
) -> None:
    events = [an_event(n, id=n, pid=n, parent_id=parent) for n, parent in ((1, 1), (2, 3), (3, 2))]
    file = tmp_path / "circle.ndjson"
    file.write_text("".join(json_of(to_dict(event)) + "\n" for event in events))
    assert execdb("import", file).returncode == 0
    for arguments in (["tree", 1], ["query", "--descendants-of", 2]):
        done = execdb(*arguments, timeout=20)
        assert done.returncode in (0, 1)
        assert "Traceback" not in done.stderr
