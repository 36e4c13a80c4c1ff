"""config ignore, record, rules, remove: what is saved, shown and refused."""

import json
from pathlib import Path

import pytest

from execdb.store.account import Account, Counts, FilterCause, Filtered, FilteredBy
from execdb.store.file.database import open_database
from execdb.store.writing.recording import Recording
from tests.cli.conftest import Run, refused
from tests.conftest import MACHINE, START_NS


def test_rules_are_saved_and_shown_in_order(run: Run, db: Path) -> None:
    assert run("config", "rules").out == "no rules: every exec is recorded\n"
    assert run("config", "ignore", "comm=sed,grep", "uid=root").out == (
        "rule 1: ignore comm=sed,grep uid=0 (saved; takes effect at the next collect)\n"
    )
    run("config", "ignore", "filename=/tmp/*", "--note", "noise")
    assert "rule 3: record" in run("config", "record", "--before", 2).out
    assert run("config", "rules").out.splitlines() == [
        "1 ignore comm=sed,grep uid=0  0 filtered",
        "3 record",
        "2 ignore 'filename=/tmp/*'  0 filtered  # noise",
    ]
    assert "rule 3: removed (saved" in run("config", "remove", 3).out
    found = json.loads(run("config", "rules", "--format", "json").out)["rules"]
    assert found[1] == {
        "number": 2, "action": "ignore", "terms": ["filename=/tmp/*"], "note": "noise",
        "filtered": 0, "missing_cgroups": [],
    }  # fmt: skip


BAD = {
    "pid=1": "a rule cannot ask for pid",
    "comm!=sed": "put a rule for the exception",
    "comm=*x": "one *, at its end",
    "uid=-1": "outside 0..4294967294",
    "com=x": "did you mean comm?",
    "x": "is no term",
    "comm=abcdefghijklmnop": "at most 15 bytes",
}


@pytest.mark.parametrize(("term", "why"), BAD.items())
def test_what_cannot_be_a_rule_changes_nothing(
    run: Run, own_database: Path, term: str, why: str
) -> None:
    refused(run("config", "ignore", term), 2, why)
    assert not own_database.exists()


def test_bad_numbers_and_notes(run: Run, db: Path) -> None:
    run("config", "ignore", "comm=a")
    for code, *arguments in (
        (1, "ignore", "comm=b", "--before", "2"), (1, "remove", "2"), (2, "remove", "x"),
        (2, "ignore", "comm=b", "--before", "-1"), (2, "ignore", "comm=b", "--note", "a\nb"),
    ):  # fmt: skip
        assert run("config", *arguments).code == code
    assert run("config", "rules").out == "1 ignore comm=a  0 filtered\n"


def test_64_rules_are_enough(run: Run, db: Path) -> None:
    with open_database(db) as database, database.writing() as connection:
        rows = [(number, number, "ignore", f'["uid={number}"]') for number in range(1, 65)]
        connection.executemany("INSERT INTO rule VALUES (?, ?, ?, ?, NULL)", rows)
    refused(run("config", "ignore"), 1, "64 rules")


def test_a_rule_says_that_its_cgroup_is_not_there(run: Run, db: Path) -> None:
    said = run("config", "ignore", "cgroup=/no/such/group,/no/such*").err
    assert said.count(" is not there: the rule holds at most 2 s after it is") == 2
    assert run("config", "ignore", "comm=a").err == ""
    assert "/no/such/group is not there  /no/such* is not there" in run("config", "rules").out


def test_hostile_text_is_escaped(run: Run, db: Path) -> None:
    run("config", "ignore", "comm=\x1b[31m")
    assert "\x1b" not in run("config", "rules").out


def test_what_was_left_out_is_counted_and_told(run: Run, db: Path) -> None:
    run("config", "ignore", "comm=a")
    by = [FilteredBy(FilterCause.RULE, rule=1), FilteredBy(FilterCause.LIMIT, uid=33)]
    left_out = [
        Filtered(number, each, START_NS, START_NS + 1_000, 20 + number)
        for number, each in enumerate(by)
    ]
    with open_database(db) as database:
        recording = Recording(database, MACHINE, "x", START_NS)
        account = Account(START_NS, START_NS + 5_000, filtered=left_out)
        recording.finish(START_NS + 5_000, Counts(41, 0, 41, 0), account)
    assert run("config", "rules").out == "1 ignore comm=a  20 filtered\n"
    status = run("status").out
    assert "filtered   21: limit of uid 33, " in status
    assert "filtered   20: rule 1, " in status
    found = json.loads(run("status", "--format", "json").out)["filters"]
    assert [(each["cause"], each["filtered"]) for each in found] == [("limit", 21), ("rule", 20)]
    for arguments in (("query",), ("stats",), ("query", "--strict"), ("timeline",)):
        answer = run(*arguments)
        assert answer.code == 0  # on purpose is no gap
        assert "41 execs were left out on purpose" in answer.err
        assert "(rule 1, limit of uid 33)" in answer.err
    replayed = run("replay").err  # says each where it happened
    assert "20 execs were left out on purpose" in replayed
    assert "21 execs were left out on purpose" in replayed
