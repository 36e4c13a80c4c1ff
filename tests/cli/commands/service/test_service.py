"""execdb service without systemd: what it shows and refuses. tests/service has the rest."""

import tomllib
from pathlib import Path

import pytest

from execdb.bpf.program import have_kprobes
from execdb.cli.commands.service import status
from tests.cli.conftest import Run

NS = 1_000_000_000


def test_print_shows_the_files_and_needs_nothing(run: Run) -> None:
    arguments = ("service", "install", "--print", "--keep", "7d", "--redact")
    done = run("--db", "/var/lib/execdb/execdb.db", *arguments)
    assert done.code == 0
    parts = done.out.split("# /etc/")
    toml = next(part for part in parts if part.startswith("execdb.toml")).partition("\n")[2]
    if not Path("/etc/execdb.toml").exists():
        assert tomllib.loads(toml)["collect"] == {"keep": "7d", "max-size": "2GB", "redact": True}
    assert "ExecStart=" in done.out
    assert "WatchdogSec=" in done.out
    assert "# /usr/local/share/man/man1/execdb-query.1\n" in done.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--keep", "soon"),
        ("--max-size", "1kB"),
        ("--min-free", "101"),
        ("--ring-pages", "3"),
        ("--print", "--for", "3"),
        ("--print", "--quiet"),
        ("--db", "/root/execdb.db", "--print"),
        ("--db", "execdb.db", "--print"),
    ],
    ids=" ".join,
)
def test_wrong_options_are_refused_before_anything_is_written(
    run: Run, arguments: tuple[str, ...]
) -> None:
    done = run("service", "install", *arguments)
    assert done.code == 2
    assert done.err.startswith("execdb: ")


@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="systemd runs here")
@pytest.mark.parametrize("command", ["install", "status", "uninstall"])
def test_without_systemd_nothing_is_done(run: Run, command: str) -> None:
    database = ("--db", "/var/lib/execdb/execdb.db")
    done = run(*database, "service", command)
    assert done.code == 1
    assert "systemd does not run here" in done.err


def test_attempts_are_refused_where_the_service_could_not_see_them(run: Run) -> None:
    arguments = ("service", "install", "--print", "--attempts")
    done = run("--db", "/var/lib/execdb/execdb.db", *arguments)
    assert done.code == (0 if have_kprobes() else 1)
    assert ("attempts = true" in done.out) is have_kprobes()


TOLD = {
    "active": True, "state": "active (running)", "result": "success", "enabled": True, "pid": 23,
    "since_ns": 7200 * NS, "restarts": 0, "why": None, "options": {"keep": "30d"},
    "database": "/var/lib/execdb/execdb.db", "events": 11, "first_ns": 0, "seen": 13, "stored": 11,
    "filtered": 2, "lost": 0, "pruned": 0, "boot_ns": 3600 * NS, "blind_ns": 60 * NS,
    "size_bytes": 5_000_000, "now_ns": 86_400 * NS,
}  # fmt: skip


def test_status_is_five_lines() -> None:
    found = status.lines(TOLD)
    assert [line.split()[0] for line in found] == ["service", "recorded", "lost", "blind", "size"]
    assert "recording since" in found[0]
    assert found[4].endswith("removes what is older than 30d (the oldest is 1 d 0 h old)")


def test_status_does_not_take_wrong_options_for_those_in_use() -> None:
    last = status.lines(TOLD | {"options": {"keep": "soon"}})[4]
    assert "the options are wrong now: cannot read 'soon' as an age" in last
    assert "removes" not in last


def test_status_says_what_is_wrong() -> None:
    failed = {"active": False, "state": "failed (failed)", "why": "BCC is\x1b[31m missing"}
    first = status.lines(TOLD | failed)[0]
    assert first.startswith("service    NOT RECORDING, failed (failed): BCC is\\x1b[31m missing")
    assert "next boot" in status.lines(TOLD | {"enabled": False})[0]
    assert "restarted 3 times" in status.lines(TOLD | {"restarts": 3})[0]


def test_status_without_a_history_is_what_systemd_says() -> None:
    without = {name: value for name, value in TOLD.items() if name != "size_bytes"}
    assert status.lines(without) == status.lines(TOLD)[:1]


SHIP = {
    "active": True, "state": "active (running)", "result": "success", "enabled": True, "pid": 29,
    "since_ns": 7200 * NS, "restarts": 0, "why": None,
}  # fmt: skip


def test_status_has_a_line_about_the_forwarder_where_there_is_one() -> None:
    found = status.lines(TOLD | {"ship": SHIP})
    assert found[1].startswith("forwarder  runs since")
    failed = SHIP | {"active": False, "state": "failed (failed)", "why": "refused \x1b"}
    found = status.lines(TOLD | {"ship": failed})
    assert found[1] == "forwarder  NOT SHIPPING, failed (failed): refused \\x1b"
