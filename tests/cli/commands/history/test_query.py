"""query: which events it shows, and in which form."""

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from execdb.store.file.database import open_database
from tests.cli.conftest import Run, refused
from tests.conftest import EXECDB, an_exec, counts, recorded
from tests.processes.process import Process


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
    process = Process(
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


def test_a_table_on_a_terminal_has_colours_unless_they_are_unwanted(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_database(db) as database:
        recorded(database, [an_exec(errno="ENOENT")]).finish(an_exec(1).time_ns, counts(1))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[31mENOENT\x1b[0m" in on_a_terminal("query")[0]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in on_a_terminal("query")[0]
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in on_a_terminal("query")[0]


def test_columns_and_order_are_chosen(run: Run, filled: Path) -> None:
    asked = ["query", "--columns", "pid", "--format", "csv"]
    pids = [str(1_000 + n) for n in range(23)]
    assert run(*asked, "--sort", "pid").out.split() == ["pid", *pids]
    assert run(*asked, "--sort", "pid", "--limit", 3).out.split() == ["pid", *pids[-3:]]
    found = run(*asked, "--sort", "time", "--reverse", "--limit", 3).out.split()
    assert found == ["pid", *pids[:-4:-1]]
    table = run("query", "--format", "table", "--columns", "pid,end", "--numeric", "--utc").out
    assert [line.split() for line in table.splitlines()[:2]] == [["pid", "end"], ["1000"]]
    by_length = run("query", "--columns", "pid,duration", "--format", "csv", "--sort", "duration")
    assert by_length.out.startswith("pid,duration_ns\r\n")
    refused(run("query", "--sort", ""), 2, "there is no key ''")
    refused(run("query", "--columns", ""), 2, "there is no column ''")
    code, out, err = run("query", "--sort", "pod")
    assert (code, out) == (2, "")
    assert "did you mean pid" in err
