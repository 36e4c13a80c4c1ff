"""execdb config log."""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from execdb.cli.input.who import tty_name, who_am_i
from execdb.store.file.database import open_database
from tests.conftest import Answer, an_exec, recorded, some_creds

Run = Callable[..., Answer]


def test_it_shows_who_changed_what(db: Path, run: Run) -> None:
    run("config", "set", "501", "one")
    run("config", "set", "501", "two")
    with closing(sqlite3.connect(db)) as connection, connection:
        connection.execute("INSERT INTO config VALUES (7, ?)", ("\x1b[2J",))
        connection.execute("INSERT INTO config VALUES (9, 'by sql')")
    run("config", "unset", "501")
    code, out, err = run("config", "log")
    first, second, *rest = out.splitlines()
    assert (code, err) == (0, "")
    assert first.startswith("2 20")
    assert first.endswith(': set uid 501: none -> "one"')
    assert second.endswith(': set uid 501: "one" -> "two"')
    assert [line.partition(" someone: ")[2] for line in rest[:2]] == [
        'found uid 7: none -> "(cannot be in the kernel)"',
        'found uid 9: none -> "by sql"',
    ]
    assert rest[2].endswith(': unset uid 501: "two" -> none')
    (_, row, *_) = json.loads(run("config", "log", "--format", "json").out)
    assert {name: row[name] for name in ("generation", "uid", "action", "subject", "before")} == {
        "generation": 3, "uid": os.getuid(), "action": "set", "subject": "uid 501", "before": "one",
    }  # fmt: skip
    assert list(row) == [
        *("generation", "time_ns", "time", "uid", "loginuid", "tty", "action", "subject"),
        *("before", "after"),
    ]


def test_the_latest_are_shown_unless_told_otherwise(db: Path, run: Run) -> None:
    for number in range(5):
        run("config", "set", "0", str(number))
    _, out, err = run("config", "log", "--limit", "2")
    assert [line[-3:] for line in out.splitlines()] == ['"3"', '"4"']
    assert "the latest 2 changes; --limit 0 shows all" in err
    assert run("config", "log", "--limit", "5").err == ""
    assert len(run("config", "log", "--limit", "0").out.splitlines()) == 5


def test_what_is_hostile_in_the_log_is_escaped(db: Path, run: Run) -> None:
    with closing(sqlite3.connect(db)) as connection, connection:
        connection.execute(
            "INSERT INTO config_change VALUES (1, 2, 3, 99999999999, 0, ?, ?, ?, ?, ?)",
            ("\x1b[1m", "\x9b", "a\nb", "\u202e", "\x1b]0;x\x07"),
        )
    code, out, _ = run("config", "log")
    assert code == 0
    assert out.count("\n") == 1
    assert out.removesuffix("\n").isprintable()
    assert json.loads(run("config", "log", "--format", "json").out)[0]["subject"] == "a\nb"


def test_rules_at_an_event_are_in_the_order_in_which_they_were_asked(db: Path, run: Run) -> None:
    for number in range(11):
        run("config", "ignore", f"uid={number}")
    run("config", "record", "uid=0", "--before", "2")
    run("config", "limit", "7", "--execs", "5")
    with open_database(db) as database:
        recorded(database, [an_exec(1, creds=some_creds(config_generation=14))])
    (line,) = [line for line in run("config", "log").out.splitlines() if " order: " in line]
    assert ': record order: that of the numbers -> "1 12 2 3 4 5 6 7 8 9 10 11"' in line
    lines = run("config", "log", "--at", "1").out.splitlines()
    numbers = [line.split()[1].rstrip(":") for line in lines if line.startswith("rule ")]
    assert numbers == ["1", "12", *map(str, range(2, 12))]
    assert [line.partition(":")[0] for line in lines[-2:]] == ["limit default", "limit 7"]
    assert not any(line.startswith("order") for line in lines)


def test_the_config_at_an_event(db: Path, run: Run) -> None:
    with open_database(db) as database:
        for number, generation in enumerate((1, 3, 0)):
            creds = some_creds(config_generation=generation)
            recorded(database, [an_exec(number, creds=creds)])
    for message in ("one", "two", "three"):
        run("config", "set", "501", message)
    assert run("config", "log", "--at", "1").out.splitlines() == [
        'default: "Hello World"',
        'limit default: "bytes=2000000"',
    ]
    code, out, err = run("config", "log", "--at", "2")
    assert out.splitlines() == [
        'default: "Hello World"',
        'uid 501: "two"',
        'limit default: "bytes=2000000"',
    ]
    assert "event 2 was recorded under generation 3 of the config, which began at 20" in err
    found = json.loads(run("config", "log", "--at", "2", "--format", "json").out)
    assert (found["id"], found["generation"], found["config"]["uid 501"]) == (2, 3, "two")
    for at, why in ((3, "does not say under which config"), (4, "there is no event 4")):
        code, out, err = run("config", "log", "--at", at)
        assert (code, out) == (1, "")
        assert why in err


def test_an_imported_event_was_recorded_elsewhere(db: Path, run: Run, tmp_path: Path) -> None:
    with open_database(db) as database:
        recorded(database, [an_exec(0, creds=some_creds(config_generation=7))])
    lines = tmp_path / "lines.ndjson"
    lines.write_text(run("query", "--format", "ndjson").out)
    other = tmp_path / "other.db"
    assert run("--db", other, "import", lines).code == 0
    code, _, err = run("--db", other, "config", "log", "--at", "1")
    assert code == 1
    assert "event 1 was imported: ask the database that recorded it, on workshop, for gen" in err


@pytest.mark.parametrize(
    ("number", "name"),
    [(0, None), (0x8803, "pts/3"), (0x8903, "pts/259"), (0x401, "tty1"), (0x440, "ttyS0")],
)
def test_terminals_are_called_as_in_ps(number: int, name: str | None) -> None:
    assert tty_name(number) == name


def test_who_runs_this() -> None:
    assert who_am_i().uid == os.getuid()


def test_who_changed_rules_and_limits_is_known(db: Path, run: Run, tmp_path: Path) -> None:
    run("config", "ignore", "comm=sed")
    run("config", "record", "uid=0", "--before", "1")
    run("config", "remove", "1")
    run("config", "limit", "33", "--execs", "50")
    run("config", "default", "Moin")
    file = tmp_path / "config.toml"
    file.write_text("")
    run("config", "apply", file)
    rows = json.loads(run("config", "log", "--format", "json").out)
    actions = dict.fromkeys(row["action"] for row in rows)
    assert [*actions] == ["ignore", "record", "remove", "limit", "default", "apply"]
    me = who_am_i()
    assert {(row["uid"], row["loginuid"], row["tty"]) for row in rows} == {tuple(me)}
