"""execdb config export and apply."""

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from execdb.store.config.limit import Limit
from execdb.store.config.limit_table import LimitTable
from execdb.store.config.log import read_log
from execdb.store.config.rule import Action
from execdb.store.config.rule_table import RuleTable
from execdb.store.config.snapshot import Config
from execdb.store.config.table import ConfigTable
from execdb.store.file.database import open_database
from execdb.store.terms.term import Glob, Term
from tests.conftest import Answer

Run = Callable[..., Answer]


def config_of(db: Path) -> Config:
    with open_database(db) as database:
        return ConfigTable(database).read()


def filled(db: Path) -> Config:
    with open_database(db) as database:
        ConfigTable(database).set(501, 'a"\\é#')
        ConfigTable(database).set_default("Moin")
        rules, limits = RuleTable(database), LimitTable(database)
        rules.add(Action.IGNORE, [Term("comm", ("sed", Glob("kworker*")))], "noise", None)
        rules.add(Action.RECORD, [Term("uid", (0,))], None, 1)
        limits.set(501, {"execs": 10, "bytes": -1})
        limits.set(None, {"execs": 1000})
    return config_of(db)


def test_what_is_exported_can_be_applied_elsewhere(db: Path, run: Run, tmp_path: Path) -> None:
    config, file, other = filled(db), tmp_path / "config.toml", tmp_path / "other.db"
    file.write_text(run("config", "export").out)
    code, out, err = run("--db", other, "config", "apply", file)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == (
        "4 added, 2 changed, 0 removed (saved; takes effect at the next collect)"
    )
    applied = config_of(other)
    assert (applied.default, applied.entries) == (config.default, config.entries)
    assert (applied.limits, applied.default_limit) == (config.limits, config.default_limit)
    assert [str(rule) for rule in applied.rules] == [str(rule) for rule in config.rules]
    assert [rule.note for rule in applied.rules] == [None, "noise"]
    assert applied.generation == 2
    assert run("config", "apply", file).out.startswith("nothing to change (saved")
    assert config_of(db).generation == config.generation


def test_the_difference_is_shown_and_made_in_one_generation(
    db: Path, run: Run, tmp_path: Path
) -> None:
    before, file = filled(db), tmp_path / "config.toml"
    file.write_text(
        """
        default = "Moin"
        [messages]
        501 = "new"
        root = "Hey root!"
        [[rules]]
        action = "record"
        terms = ["uid=0"]
        [limits]
        default = { execs = "none", bytes = "1MB" }
        """
    )
    expected = [
        '~ uid 501: "a\\"\\\\é#" -> "new"',
        '+ uid 0: "Hey root!"',
        '~ limit default: "execs=1000 bytes=2000000" -> "execs=none bytes=1000000"',
        '- rule 1: "ignore comm=sed,kworker* # noise"',
        '- order: "2 1"',
        '- limit 501: "execs=10 bytes=none"',
    ]
    dry = run("config", "apply", file, "--dry-run").out.splitlines()
    assert sorted(dry[:-1]) == sorted(line.replace('\\"\\\\', '"\\') for line in expected)
    assert dry[-1] == "1 added, 2 changed, 3 removed (dry run)"
    assert config_of(db) == before
    changes = json.loads(run("config", "apply", file, "--format", "json").out)
    assert changes["done"]
    assert len(changes["changes"]) == 6
    after = config_of(db)
    assert after.generation == before.generation + 1
    assert after.entries == {501: "new", 0: "Hey root!"}
    assert [(rule.number, str(rule)) for rule in after.rules] == [(2, "record uid=0")]
    assert (after.limits, after.default_limit) == ({}, Limit(-1, 1_000_000))
    with open_database(db) as database, database.reading() as connection:
        rows = [row for row in read_log(connection, 0) if row.generation == after.generation]
    assert {row.action for row in rows} == {"apply"}
    assert len(rows) == 6


def test_an_export_that_failed_removes_nothing(
    db: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = filled(db)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    answer = run("config", "apply", "-")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "stdin is empty" in answer.err
    assert config_of(db) == before


def test_a_file_that_names_nothing_is_the_config_of_a_new_database(
    db: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(db)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n")))
    assert run("config", "apply", "-").code == 0
    config = config_of(db)
    assert (config.default, config.entries, config.rules) == ("Hello World", {}, [])
    assert (config.limits, config.default_limit) == ({}, Limit(None, 2_000_000))


BAD = {
    'default = "Hello World!!"': "line 1: default: a message has at most 12 bytes",
    "default = 7": "line 1: default: a message is a text",
    '\n[messages]\n0 = "a"\n501 = "thirteen byte"\n7 = "b"': "line 4: messages, 501: a message has",
    '[messages]\n0 = "a"\nroot = "b"': "line 3: messages, root: uid 0 is there already",
    '[messages]\n4294967295 = "a"': "line 2: messages, 4294967295: ",
    '[messages]\nnobody-has-this-name = "a"': "line 2: messages, nobody-has-this-name: ",
    '[messages]\n0 = "a"\n0 = "b"': "line 3",
    '[messages]\n0 = """\na\nb"""\n1 = 2': "line 2: messages, 0: a message may not contain control",
    "messages = 7": "line 1: messages is no table",
    "mesages = {}": "line 1: there is no 'mesages' here, only default, messages, rules, limits",
    "rules = 7": "line 1: rules are no list",
    '[[rules]]\naction = "drop"': "line 1: rule 1 of the file: the action is one of ignore, record",
    '[[rules]]\naction = "record"\n\n[[rules]]\naction = "ignore"\nterms = ["pid=7"]': (
        "line 6: rule 2 of the file: a rule cannot ask for pid"
    ),
    '[[rules]]\naction = "record"\nterms = [\n"comm=a",\n"uid!=0"]': "line 3: rule 1 of the file: ",
    '[[rules]]\naction = "record"\n' * 65: "line 129: rule 65 of the file: there is room for 64",
    "[limits]\n0 = { execs = 0 }": "line 2: limits, 0: execs must be from 1 to 1000000",
    '[limits]\ndefault = { bytes = "7" }': "line 2: limits, default: bytes must be from 1kB",
    "[limits]\n0 = { size = 7 }": "line 2: limits, 0: there is no 'size' here, only execs, bytes",
    "a = " + "[" * 100_000: "nested too deeply",
    "x = \udcff": "line 1: not UTF-8",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_file_changes_nothing_and_is_told_with_its_line(
    db: Path, run: Run, tmp_path: Path, text: str
) -> None:
    before, file = filled(db), tmp_path / "config.toml"
    file.write_bytes(text.encode(errors="surrogateescape"))
    code, out, err = run("config", "apply", file)
    assert (code, out) == (2, "")
    assert BAD[text] in err
    assert err.startswith(f"execdb: {file}, ")
    assert err.count("\n") == 1
    assert config_of(db) == before


def test_a_full_config_is_applied_at_once(db: Path, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    lines = [f'{uid} = "message {uid % 7}"' for uid in range(10_240)]
    file.write_text("\n".join(["[messages]", *lines]))
    began_s = time.process_time()
    assert run("config", "apply", file).code == 0
    assert time.process_time() - began_s < 5  # about 0.5 on a quiet machine
    assert len(config_of(db).entries) == 10_240
    assert run("config", "export").out.count(' = "message ') == 10_240
    file.write_text(file.read_text() + '\n10240 = "x"')
    code, _, err = run("config", "apply", file)
    assert code == 2
    assert "line 10242: messages, 10240: there is room for 10240 messages" in err
