"""config log of a central store: what its hosts shipped, and who changed its own config."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.central.conftest import Central
from tests.central.shippers import ship
from tests.central.stores import RECENT_NS, Recorder, some_execs
from tests.conftest import MACHINE, Answer, an_exec, some_creds

Run = Callable[..., Answer]


def a_host(folder: Path, name: str, run: Run, url: str) -> Path:
    """Its config was changed three times, and each generation recorded an exec."""
    path = folder / f"{name[:4]}.db"
    recorder = Recorder(path, replace(MACHINE, host=name, boot_id=f"boot of {name}"))
    for number, text in enumerate(("one", "two", "three"), 2):
        assert run("config", "set", "501", text, "--db", path).code == 0
        creds = some_creds(config_generation=number)
        recorder.write([an_exec(number, time_ns=RECENT_NS + number, creds=creds)])
    assert run("config", "ignore", "comm=sed", "--note", "\x1b[2J" if "\x1b" in name else "n",
               "--db", path).code in (0, 2)  # fmt: skip
    ship(path, url)
    return path


def test_of_one_host_it_says_what_its_file_says(central: Central, run: Run, tmp_path: Path) -> None:
    path = a_host(tmp_path, "web1", run, central.url)
    for options in ([], ["--limit", "2"], ["--at", "2"], ["--at", "1", "--format", "json"]):
        own = run("config", "log", *options, "--db", path)
        assert run("config", "log", *options, "--db", central.reader) == own
        assert own.code == 0
    (row, *_) = json.loads(run("config", "log", "--format", "json", "--db", central.reader).out)
    (own_row, *_) = json.loads(run("config", "log", "--format", "json", "--db", path).out)
    assert {name: row[name] for name in own_row} == own_row
    assert (row["host"], row["scope"], row["login"]) == ("web1", None, "web1")


def test_changes_of_the_store_are_among_them(central: Central, run: Run, tmp_path: Path) -> None:
    a_host(tmp_path, "web1", run, central.url)
    a_host(tmp_path, "odd\x1b[31m", run, central.url)
    for scope in ([], ["--group", "web"], ["--host", "web1"], ["--host", "db1"]):
        assert run("config", "set", "0", "Hey root!", *scope, "--db", central.admin).code == 0
    out = run("config", "log", "--db", central.reader).out
    assert "\x1b" not in out
    assert [line.partition(" login ")[2] for line in out.splitlines()[-4:]] == [
        f'boss from 127.0.0.1: added uid 0 for {whom}: none -> "Hey root!"'
        for whom in ("all hosts", "group web", "host web1", "host db1")
    ]
    assert ' set uid 501 on web1: none -> "one"' in out
    one = run("config", "log", "--host", "web1", "--db", central.reader).out.splitlines()
    assert [line.rpartition(" for ")[2].partition(":")[0] for line in one[-2:]] == [
        "all hosts", "host web1",
    ]  # fmt: skip
    assert not any("odd" in line or "group web" in line for line in one)
    central.rows("UPDATE execdb.run SET host_group = 'web' WHERE host = 'web1'")
    assert "group web" in run("config", "log", "--host", "web1", "--db", central.reader).out
    rows = json.loads(run("config", "log", "--format", "json", "--db", central.reader).out)
    last = rows[-1]
    assert (last["host"], last["scope"], last["login"]) == (None, "host db1", "boss")
    assert (last["address"], last["application"]) == ("127.0.0.1", "execdb config")


def test_an_id_of_several_hosts_needs_one(central: Central, run: Run, tmp_path: Path) -> None:
    for name in ("web1", "web2"):
        a_host(tmp_path, name, run, central.url)
    code, out, err = run("config", "log", "--at", "2", "--db", central.reader)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--host" in err
    found = run("config", "log", "--at", "2", "--host", "web2", "--db", central.reader)
    assert 'uid 501: "two"' in found.out


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DELETE FROM execdb.config_change WHERE generation > 2", "was not shipped yet"),
        ("DELETE FROM execdb.config_change WHERE generation = 3", "does not reach back to"),
        (
            "INSERT INTO execdb.config_change (host, id, generation, time_ns, action, subject)"
            " VALUES ('web1', 1, 1, 5, 'set', 'uid 1')",
            "several files",
        ),
    ],
)
def test_what_the_log_cannot_say_is_said(
    central: Central, run: Run, tmp_path: Path, sql: str, said: str
) -> None:
    a_host(tmp_path, "web1", run, central.url)
    central.rows(sql)
    code, out, err = run("config", "log", "--at", "2", "--db", central.reader)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert said in err
    assert run("config", "log", "--at", "99", "--db", central.reader).code == 1


def test_a_file_has_no_hosts(db: Path, run: Run) -> None:
    code, _, err = run("config", "log", "--host", "web1", "--db", db)
    assert (code, err.count("\n")) == (2, 1)


def test_forged_texts_do_not_fill_memory(central: Central, run: Run, tmp_path: Path) -> None:
    Recorder(tmp_path / "x.db").write(some_execs(1))
    ship(tmp_path / "x.db", central.url)
    central.rows(
        "INSERT INTO execdb.config_change (host, id, generation, time_ns, action, subject, after)"
        " VALUES (%s, 1, 2, 9223372036854775807, 'set', 'uid 1', repeat('x', 9999999))",
        MACHINE.host,
    )
    code, out, _ = run("config", "log", "--db", central.reader)
    assert (code, len(out) < 40_000) == (0, True)
