"""Defaults of options from files, which may be anything."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from execdb.cli.input import option_files
from execdb.cli.input.option_files import OptionFiles, read_option_files
from execdb.store.errors import UsageError
from tests.cli.conftest import Run, refused
from tests.others import run_as

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the file that is read."""

    def write(text: str | bytes, mode: int = 0o644) -> Path:
        path = tmp_path / "own.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        monkeypatch.setenv("EXECDB_OPTIONS", str(path))
        return path

    return write


def test_an_option_has_its_default_from_a_file(run: Run, filled: Path, write: Write) -> None:
    write('[query]\nlimit = 3\nformat = "plain"\nreverse = true\npid = [1001, "1002"]\n')
    assert run("query").out.split("\n")[0].startswith("1002 ")
    assert run("query").out.count("\n") == 2
    assert run("query", "--limit", "1").out.count("\n") == 1


def test_the_command_line_wins(run: Run, filled: Path, write: Write) -> None:
    write('[query]\nformat = "ndjson"\n[coverage]\nformat = "json"\n')
    assert run("query", "--limit", "1", "--format", "plain").out[0] != "{"
    assert run("coverage").out[0] == "["


def test_the_variable_of_the_database_wins_over_the_file(
    run: Run, filled: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(f'db = "{filled}"\n')
    monkeypatch.setenv("EXECDB_DB", "/nowhere/at-all.db")
    assert "/nowhere/at-all.db" in run("query").err
    monkeypatch.delenv("EXECDB_DB")
    assert run("query", "--count").out == "23\n"
    assert "/no/other.db" in run("--db", "/no/other.db", "query").err
    assert "/no/other.db" in run("query", "--db", "/no/other.db").err


def test_the_file_may_have_a_relative_name(
    run: Run, filled: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("[query]\ncount = true\n")
    monkeypatch.chdir(path.parent)
    monkeypatch.setenv("EXECDB_OPTIONS", path.name)
    assert run("query").out == "23\n"


def test_commands_below_a_command_have_tables(run: Run, db: Path, write: Write) -> None:
    write('[config.list]\nformat = "json"\n')
    assert run("config", "list").out[0] in "[{"


def test_an_option_with_two_names_takes_either(run: Run, filled: Path, write: Write) -> None:
    write("[query]\nsucceeded = true\ncount = true\n")
    assert run("query").out == "0\n"
    write("[query]\nsucceeded = false\ncount = true\n")
    assert run("query").out == "0\n"  # what failed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[query]\nlimt = 3\n", ": [query] limt: there is no such option: did you mean limit?"),
        ("[quary]\nlimit = 3\n", ": [quary]: there is no such command: did you mean [query]?"),
        ("[query]\ndb = 'x'\n", ": [query] db: there is no such option"),
        ("[query]\nhelp = true\n", ": [query] help: there is no such option"),
        ("limit = 3\n", ": limit: there is no such option"),
        ("query = 3\n", ": query: there is no such option"),
        ("[query.more]\nx = 3\n[query]\n", ": [query.more]: query has no commands of its own"),
        ("[query]\nlimit = 'many'\n", ": [query] limit: 'many' is not a whole number"),
        ("[query]\nlimit = true\n", ": [query] limit: give a text or a number"),
        ("[query]\nlimit = [1, 2]\n", ": [query] limit: give a text or a number"),
        ("[query]\nreverse = 'yes'\n", ": [query] reverse: give true or false"),
        ("[query]\nformat = 'xml'\n", ": [query] format: "),
        ("[query\n", " is not TOML: "),
        (b"\xff", " is not TOML: "),
    ],
)
def test_what_is_wrong_is_one_line_that_names_file_and_key(
    run: Run, filled: Path, write: Write, text: str, said: str
) -> None:
    path = write(text)
    refused(run("query"), 2, f"execdb: {path}{said}")


@pytest.mark.parametrize(
    ("command", "text", "said"),
    [
        ("prune", '[prune]\nolder-than = "soon"\n', "older-than: cannot read 'soon' as an age"),
        ("prune", '[prune]\nmax-size = "much"\n', "max-size: cannot read 'much' as a size"),
        ("collect", '[collect]\nkeep = "soon"\n', "keep: cannot read 'soon' as an age"),
        ("collect", '[collect]\nmax-size = "much"\n', "max-size: cannot read 'much' as a size"),
        ("query", '[query]\nsince = "soon"\n', "since: cannot read 'soon' as a time"),
        ("coverage", '[coverage]\nuntil = "soon"\n', "until: cannot read 'soon' as a time"),
        ("new", '[new]\nbaseline = "soon"\n', "baseline: cannot read 'soon' as an age"),
    ],
)
def test_so_is_a_time_an_age_or_a_size(
    run: Run, filled: Path, write: Write, command: str, text: str, said: str
) -> None:
    path = write(text)
    refused(run(command), 2, f"execdb: {path}: [{command}] {said}")


def test_files_that_others_can_write_are_refused(run: Run, filled: Path, write: Write) -> None:
    path = write("", mode=0o646)
    refused(run("query"), 1, f"others may write to {path}")


def test_what_is_no_file_is_refused(run: Run, filled: Path, write: Write) -> None:
    path = write("")
    path.unlink()
    os.mkfifo(path)
    refused(run("query"), 1, f"{path} is not a plain file")
    path.unlink()
    path.symlink_to("/dev/zero")
    refused(run("query"), 1, f"{path} is not a plain file")
    path.unlink()
    path.mkdir()
    refused(run("query"), 1, f"{path} is not a plain file")
    path.rmdir()
    path.symlink_to(path)
    refused(run("query"), 1, f"cannot read {path}")


def test_a_huge_file_is_refused(run: Run, filled: Path, write: Write) -> None:
    path = write("#" * 65_537)
    refused(run("query"), 1, f"{path} is over 65536 bytes")


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another user")
def test_a_file_of_another_user_is_refused(run: Run, filled: Path, write: Write) -> None:
    path = write("")
    os.chown(path, 1000, 0)
    refused(run("query"), 1, f"{path} belongs to uid 1000")


def test_a_broken_file_does_not_hide_the_help(run: Run, write: Write) -> None:
    write("[")
    assert run("query", "--help").code == run("--version").code == 0


def test_without_files_nothing_is_said(
    run: Run, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EXECDB_OPTIONS")
    monkeypatch.setattr(option_files, "SYSTEM", tmp_path / "no/such.toml")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run("query", "--count").out == "23\n"


def test_a_file_that_was_named_has_to_be_there(
    run: Run, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "no/such.toml"
    monkeypatch.setenv("EXECDB_OPTIONS", str(path))
    refused(run("query"), 1, f"execdb: {path}, which EXECDB_OPTIONS names, is not there")
    monkeypatch.setattr(option_files, "SYSTEM", path)  # the usual file, which units name
    assert run("query", "--count").out == "23\n"


def test_the_users_file_comes_after_that_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, own = tmp_path / "etc.toml", tmp_path / ".config/execdb.toml"
    own.parent.mkdir()
    system.write_text("[query]\nlimit = 3\nwide = true\n[redact]\npatterns = ['a']\n")
    own.write_text("[query]\nlimit = 5\n[redact]\npatterns = ['b']\n")
    monkeypatch.delenv("EXECDB_OPTIONS")
    monkeypatch.setattr(option_files, "SYSTEM", system)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() or 1)
    monkeypatch.setenv("HOME", str(tmp_path))
    os.chown(own, os.getuid() or 1, -1)
    files = read_option_files()
    values = {name: given.value for name, given in files.options(("query",)).items()}
    assert values == {"limit": 5, "wide": True}
    assert [given.value for given in files.patterns()] == ["a", "b"]


@pytest.mark.skipif(os.geteuid() != 0, reason="is about root")
def test_root_does_not_read_the_file_of_the_user_who_calls_sudo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".config").mkdir()
    (tmp_path / ".config/execdb.toml").write_text("[query]\nlimit = 5\n")
    monkeypatch.delenv("EXECDB_OPTIONS")
    monkeypatch.setattr(option_files, "SYSTEM", tmp_path / "none.toml")
    monkeypatch.setenv("HOME", str(tmp_path))
    os.chown(tmp_path, 1, -1)
    assert "limit" not in read_option_files().options(("query",))
    os.chown(tmp_path, 0, -1)  # a HOME of root's own, wherever it is
    assert read_option_files().options(("query",))["limit"].value == 5


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users")
@pytest.mark.parametrize(
    ("owner", "said"),
    [(0, "no database"), (1, "no database"), (65_534, "config/execdb.toml: Permission denied")],
)
def test_who_has_kept_the_home_of_somebody_else_asks_as_ever(
    run: Run, reachable: Path, monkeypatch: pytest.MonkeyPatch, owner: int, said: str
) -> None:
    """As `runuser` and `setpriv` keep it."""
    home = reachable / "home"
    (home / ".config").mkdir(parents=True)
    (home / ".config/execdb.toml").write_text("[query]\nlimit = 5\n")
    os.chown(home, owner, -1)
    (home / ".config").chmod(0o700)
    home.chmod(0o700)
    status = ("status", "--db", reachable / "none.db")
    refused(run(*status), 1, "no database")  # has loaded what it needs
    monkeypatch.delenv("EXECDB_OPTIONS")
    monkeypatch.setenv("HOME", str(home))
    refused(run_as(65_534, 65_534, *status), 1, said)


@pytest.mark.parametrize("table", [{"patterns": "x"}, {"patterns": [1]}, {"pattern": ["x"]}])
def test_patterns_are_a_list_of_texts(table: object) -> None:
    with pytest.raises(UsageError, match=r"own\.toml: \[redact\] pattern"):
        list(OptionFiles({Path("own.toml"): {"redact": table}}).patterns())
