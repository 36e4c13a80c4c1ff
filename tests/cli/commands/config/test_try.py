"""execdb config try."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from execdb.cli.commands.config import try_
from execdb.store.event import raw_of
from execdb.store.file.database import open_database
from execdb.store.overview import trial
from execdb.store.overview.portions import portions_of
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.cli.conftest import refused
from tests.conftest import START_NS, Answer, an_exec, counts, recorded, some_creds

Run = Callable[..., Answer]
COMMS = ("sed", "grep", "cc1", "\u202esed", "sed\udcff")
ARGUMENTS = ("plain", 'a"\\\n', "\udcff\udc80", "caf\u00e9", "\u202e", "")
RULES = """
[[rules]]
action = "record"
terms = ["uid=1000", "filename=/usr/*"]
[[rules]]
action = "ignore"
terms = ["comm=sed,cc*"]
note = "noise"
[[rules]]
action = "ignore"
terms = ["cgroup=/system.slice", "loginuid=null"]
"""


@pytest.fixture
def mixed(db: Path) -> Path:
    """101 execs, some of them attempts that failed, of 3 users in 4 cgroups."""
    groups = (None, "/system.slice", "/system.slice/cron.service", "/system.slices")
    with open_database(db) as database:
        execs = [
            an_exec(
                n,
                comm=COMMS[n % 5],
                filename=("/usr/bin/x", "/opt/x")[n % 7 % 2],
                argv=(COMMS[n % 5], *ARGUMENTS[: n % 11]),
                creds=some_creds((0, 1000, 33)[n % 3], loginuid=(None, 1000)[n // 3 % 2]),
                errno="ENOENT" if n % 13 == 0 else None,
                caller="sh" if n % 13 == 0 else None,
            )
            for n in range(101)
        ]
        execs = [
            each._replace(start=each.start._replace(
                place=each.start.place._replace(cgroup=groups[n % 4])
            ))
            for n, each in enumerate(execs)
        ]  # fmt: skip
        recorded(database, execs).finish(an_exec(101).time_ns, counts(101))
    return db


def one_by_one(db: Path, filtered: Callable[[Any], bool], wanted: Filter) -> dict[str, Any]:
    """The same, from the events themselves."""
    found: dict[str, Any] = {"execs": 0, "bytes": 0, "filtered": 0, "filtered_bytes": 0}
    found |= {"programs": Counter(), "users": Counter()}
    with open_database(db) as database:
        for event in History(database).events(wanted):
            size = sum(len(raw_of(each)) for each in event.argv)
            found["execs"] += 1
            found["bytes"] += size
            if filtered(event):
                found["filtered"] += 1
                found["filtered_bytes"] += size
                found["programs"][event.comm] += 1
                found["users"][event.uid] += 1
    return found


def answer(run: Run, *arguments: object) -> dict[str, Any]:
    code, out, err = run("config", "try", *arguments, "--format", "json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert expected["filtered"] > 0
    for name in ("execs", "bytes", "filtered", "filtered_bytes"):
        assert found[name] == expected[name], name
    assert found["filtered_share"] == expected["filtered"] / expected["execs"]
    assert found["filtered_bytes_share"] == expected["filtered_bytes"] / expected["bytes"]
    assert {each["comm"]: each["filtered"] for each in found["programs"]} == expected["programs"]
    assert {each["uid"]: each["filtered"] for each in found["users"]} == expected["users"]
    for part in ("programs", "users"):
        assert sum(each["filtered_bytes"] for each in found[part]) == found["filtered_bytes"]


def test_terms_are_one_rule_and_every_exec_and_byte_is_counted(
    mixed: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "portions_of", partial(portions_of, rows=17))
    found = answer(run, "comm=sed*", "cgroup=/system.slice")
    expected = one_by_one(
        mixed,
        lambda event: (
            event.comm.startswith("sed")
            and event.cgroup in ("/system.slice", "/system.slice/cron.service")
        ),
        Filter(),
    )
    assert_same(found, expected)
    assert found["rules"] == [{
        "action": "ignore", "terms": ["comm=sed*", "cgroup=/system.slice"], "note": None,
        "execs": expected["filtered"], "bytes": expected["filtered_bytes"],
    }]  # fmt: skip


def by_the_file(event: Any) -> bool:
    if event.uid == 1000 and event.filename.startswith("/usr/"):
        return False
    if event.comm == "sed" or event.comm.startswith("cc"):
        return True
    below = event.cgroup in ("/system.slice", "/system.slice/cron.service")
    return below and event.loginuid is None


def test_of_a_file_the_first_rule_that_matches_decides(
    mixed: Path, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "a=b.toml"
    file.write_text(RULES)
    found = answer(run, file)
    assert_same(found, one_by_one(mixed, by_the_file, Filter()))
    recorded_, *ignored = found["rules"]
    assert recorded_["execs"] > 0
    assert recorded_["action"] == "record"
    assert [each["note"] for each in ignored] == ["noise", None]
    assert sum(each["execs"] for each in ignored) == found["filtered"]
    assert sum(each["bytes"] for each in ignored) == found["filtered_bytes"]


def test_times_choose_what_is_looked_at(mixed: Path, run: Run) -> None:
    since_ns, until_ns = START_NS + 23_000_000, START_NS + 71_000_000
    times = [f"@{at // 10**9}.{at % 10**9:09d}" for at in (since_ns, until_ns)]
    found = answer(run, "comm=grep", "--since", times[0], "--until", times[1])
    wanted = Filter((), since_ns, until_ns)
    assert_same(found, one_by_one(mixed, lambda event: event.comm == "grep", wanted))
    assert found["execs"] == 48


def test_a_table_says_the_sums_and_escapes_what_was_recorded(mixed: Path, run: Run) -> None:
    code, out, err = run("config", "try", "uid=0,33", "--limit", "2")
    first, *rest = out.splitlines()
    assert code == 0
    assert first.startswith("67 of 101 execs would have been left out (66.3 %), with ")
    assert [line.split()[-1] for line in rest if line] == [
        *("program", rest[2].split()[-1], rest[3].split()[-1], "uid", "0", "33"),
    ]
    assert "2 of 5 programs; --limit 0 shows all" in err
    assert "users" not in err
    every = run("config", "try", "uid=0").out
    assert "\\u202esed" in every
    assert "sed\\xff" in every
    assert all(line.isprintable() for line in every.splitlines())


def test_a_table_names_each_rule_of_a_file(mixed: Path, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(RULES)
    assert "  record uid=1000 filename=/usr/*\n" in run("config", "try", file).out


def test_nothing_is_changed(mixed: Path, run: Run, tmp_path: Path) -> None:
    run("config", "ignore", "uid=7")
    file = tmp_path / "rules.toml"
    file.write_text(RULES)
    with closing(sqlite3.connect(mixed)) as connection:
        before = list(connection.iterdump())
    assert answer(run, "comm=sed")["filtered"] > 0
    assert answer(run, file)["filtered"] > 0
    with closing(sqlite3.connect(mixed)) as connection:
        assert list(connection.iterdump()) == before


def test_no_rules_leave_out_nothing_and_of_nothing_there_is_no_share(
    mixed: Path, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('default = "Moin"')
    found = answer(run, file)
    assert (found["execs"], found["filtered"], found["filtered_share"]) == (101, 0, 0)
    assert (found["programs"], found["users"], found["rules"]) == ([], [], [])
    found = answer(run, "comm=sed", "--since", "@1", "--until", "@1")
    assert (found["execs"], found["filtered_share"], found["filtered_bytes_share"]) == (
        0, None, None,
    )  # fmt: skip


def test_what_is_missing_is_noted(mixed: Path, run: Run) -> None:
    code, _, err = run("config", "try", "comm=sed", "--since", "@1", "--strict")
    assert code == 3
    assert "note: nothing was recorded" in err


def test_bad_input_is_refused(mixed: Path, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[[rules]]\naction = "drop"\n')
    refused(run("config", "try", file), 2, "rules.toml, line", "ignore, record")
    refused(run("config", "try", "sed"), 1, "neither a term, as comm=sed, nor a file")
    refused(run("config", "try", tmp_path), 1, "Is a directory")
    refused(run("config", "try", "exit_code=1"), 2, "a rule cannot ask for exit_code")
    refused(run("config", "try", "command=x"), 2, "a rule cannot ask for")
    refused(run("config", "try", "comm!=sed"), 2, "put a rule for the exception")
    refused(run("config", "try", "comm=sed", "other"), 2, "'other' is no term")
    assert run("config", "try").code == 2


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM origin",
        "DELETE FROM program",
        "UPDATE program SET comm = 7",
        "UPDATE origin SET uid = 'root'",
        "UPDATE command SET arguments = '[[['",
        "UPDATE argument SET text = 'x\\' || text",
        "UPDATE argument SET text = x'5cff'",
    ],
)
def test_a_forged_file_gives_a_line_and_no_traceback(mixed: Path, run: Run, sql: str) -> None:
    with closing(sqlite3.connect(mixed)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(sql)
    code, _, err = run("config", "try", "comm=sed*", "uid=0,33,1000")
    assert code in (0, 1)
    assert "unexpected" not in err
    assert err.count("\n") <= 1


def test_what_is_a_term_and_what_a_file() -> None:
    for term in ("comm=a", "comm!=a", "comm~=a", "comm!~=a", "nothing=1"):
        assert try_._TERM.match(term)
    for file in ("-", "rules.toml", "./comm=a", "/tmp/a=b", "a-b=c"):
        assert not try_._TERM.match(file)
