"""config: what is saved, what is refused, and when it is in the kernel."""

import io
import json
import os
import sys
from pathlib import Path

import pytest

from execdb.store.config.table import ConfigTable
from execdb.store.file.database import open_database
from execdb.store.file.locks.collector_lock import CollectorLock
from tests.cli.conftest import Run, refused
from tests.conftest import START_NS, counts, recorded


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
    assert answer.err == f"execdb: uid 5: {why}; set another with execdb config set 5 MESSAGE\n"
    assert run("config", "set", 5, "five").code == 0
    assert "not in the kernel: uid" not in run("config", "list").out + run("status").out


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


def give(monkeypatch: pytest.MonkeyPatch, stdin: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))


def test_many_messages_from_stdin_are_one_change(
    run: Run, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("config", "set", 7, "seven")
    give(monkeypatch, b"default Moin\n\nroot\tHey  root! \r\n501 Hi user 501!\n8 \n")
    answer = run("config", "set", "-")
    assert answer.out == "4 messages set (saved; takes effect at the next collect)\n"
    listed = run("config", "list").out
    assert listed == "default Moin\n0 Hey  root! \n7 seven\n8 \n501 Hi user 501!\n"
    generations = {
        each["generation"] for each in json.loads(run("config", "log", "--format", "json").out)
    }
    assert len(generations) == 2
    give(monkeypatch, listed.encode())
    assert run("config", "set", "-").out.startswith("5 messages set")
    assert run("config", "list").out == listed
    give(monkeypatch, b"root\n501\n\n7")
    assert run("config", "unset", "-").out.startswith("3 messages removed")
    assert run("config", "list").out == "default Moin\n8 \n"


@pytest.mark.parametrize(
    ("command", "stdin", "code", "words"),
    [
        ("set", b"0 new\n501 thirteen byte\n", 2, "stdin, line 2: a message has at most 12 bytes"),
        ("set", b"0 new\n\nnosuchuser x\n", 2, "stdin, line 3: there is no user 'nosuchuser'"),
        ("set", b"0 new\n4294967295 x\n", 2, "stdin, line 2: uid 4294967295 is outside"),
        ("set", b"0 new\n501\n", 2, "stdin, line 2: give UID MESSAGE"),
        ("set", b"0 new\n1 a\tb\n", 2, "stdin, line 2: a message may not contain control"),
        ("set", b"0 new\n1 \xff\n", 2, "stdin, line 2: not UTF-8"),
        ("set", b"".join(b"%d x\n" % uid for uid in range(1, 10_241)), 1, "10240 entries"),
        ("set", b"0 new\n" * 200_000, 2, "stdin has more than 1 MiB"),
        ("unset", b"0\n501\n", 1, "uid 501 has no message of its own"),
        ("unset", b"0\n-1\n", 2, "stdin, line 2: uid -1 is outside"),
    ],
)
def test_one_bad_line_of_stdin_changes_nothing(
    run: Run,
    db: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    stdin: bytes,
    code: int,
    words: str,
) -> None:
    run("config", "set", 0, "old")
    give(monkeypatch, stdin)
    refused(run("config", command, "-"), code, words)
    assert run("config", "list").out == "default Hello World\n0 old\n"


def test_stdin_or_a_message(run: Run, db: Path) -> None:
    refused(run("config", "set", "-", "x"), 2, "from stdin")
    refused(run("config", "set", "0"), 2, "Missing argument 'MESSAGE'")


def test_one_message_as_json(run: Run, db: Path) -> None:
    run("config", "set", 7, "s\u00e9ven\u202e")
    got = run("config", "get", 7, "--format", "json").out
    assert json.loads(got) == {"uid": 7, "message": "s\u00e9ven\u202e"}
    assert json.loads(run("config", "default", "--format", "json").out) == {
        "default": "Hello World"
    }
    refused(run("config", "default", "Moin", "--format", "json"), 2, "--format")
