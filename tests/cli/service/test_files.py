"""The files of the service: their texts, whose they are, written all or none."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from docs.generate import MAN
from execdb.cli.service import completion, man, options_file, places, plan
from execdb.cli.service.changes import remove_all, write_all
from execdb.cli.service.command_tree import every_command
from execdb.cli.service.marked import State, marked, state_of
from execdb.cli.service.unit import command, quoted, unit
from tests.cli.conftest import Run


def test_whose_a_file_is(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert state_of(path) is State.ABSENT
    text = marked("keep = 1\n", "#")
    path.write_text(text)
    assert state_of(path) is State.OURS
    for changed in (text.replace("1", "2"), text + "more = 1\n", marked(text, "#") + "\n"):
        path.write_text(changed)
        assert state_of(path) is State.CHANGED
    for foreign in ("", "keep = 1\n", "\0\xff"):
        path.write_text(foreign)
        assert state_of(path) is State.FOREIGN
    link = tmp_path / "link"
    link.symlink_to(path)
    assert state_of(link) is State.FOREIGN
    assert state_of(tmp_path) is State.FOREIGN


def test_files_are_written_all_or_none(tmp_path: Path) -> None:
    old, new, blocked = tmp_path / "old", tmp_path / "a/b/new", tmp_path / "old/no-folder"
    old.write_text("before")
    with pytest.raises(OSError, match="old"):
        write_all({old: "after", new: "new", blocked: "x"})
    assert old.read_text() == "before"
    assert {*tmp_path.iterdir()} == {old}
    write_all({old: "after", new: "new"})
    assert (old.read_text(), new.read_text()) == ("after", "new")
    assert new.stat().st_mode & 0o777 == 0o644


def test_files_are_removed_all_or_none(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("1")
    with pytest.raises(OSError, match="second"):
        remove_all([first, second])
    assert first.read_text() == "1"
    second.write_text("2")
    remove_all([first, second])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("word", "quoted_word"),
    [
        ("/usr/bin/python3", "/usr/bin/python3"),
        ("two words", '"two words"'),
        ("100%", "100%%"),
        ('a"b', '"a\\"b"'),
        ("a\nExecStartPre=/bin/sh", '"a\\nExecStartPre=/bin/sh"'),
        ("", '""'),
        (";", '";"'),
    ],
)
def test_words_in_a_unit_are_quoted(word: str, quoted_word: str) -> None:
    assert quoted(word) == quoted_word


def test_a_dollar_in_a_command_is_no_variable() -> None:
    assert command(["echo", "$HOME"]) == "echo $$HOME"


def test_the_unit_sees_an_installation_in_a_home_and_a_database_elsewhere() -> None:
    python, home = Path("/root/venv/bin/python"), Path("/root/venv")
    text = unit(python, [home, Path("/usr")], Path("/srv/my history/x.db"), {"keep": "7d"})
    assert "ExecStart=/root/venv/bin/python -I -m execdb collect --take-over --keep 7d\n" in text
    assert "TemporaryFileSystem=/root:ro,mode=0755\nBindReadOnlyPaths=/root/venv\n" in text
    assert 'ReadWritePaths="/srv/my history"\n' in text
    plain = unit(Path("/usr/bin/python3"), [Path("/usr")], places.FOLDER / "execdb.db", {})
    assert "BindReadOnlyPaths" not in plain
    assert "ReadWritePaths" not in plain


@pytest.fixture(scope="module")
def options() -> str:
    return options_file.options_file({"keep": "30d", "max-size": "2GB"}, None)


def test_the_file_of_options_sets_nothing_but_what_it_is_told(options: str) -> None:
    tables = {name: table for name, table in tomllib.loads(options).items() if table}
    assert {k: v for k, v in tables.items() if any(_leaves(v))} == {
        "collect": {"keep": "30d", "max-size": "2GB"}
    }


def _leaves(table: object) -> list[object]:
    if isinstance(table, dict):
        return [leaf for value in table.values() for leaf in _leaves(value)]
    return [table]


def test_every_option_of_every_command_stands_in_it(options: str) -> None:
    whole = tomllib.loads(re.sub(r"^# ([a-z-]+ = )", r"\1", options, flags=re.MULTILINE))
    for described in every_command():
        if described.words and described.words[0] != "service":
            table = whole
            for word in described.words:
                table = table.get(word, {})
            names = {options_file.option_name(param) for param in described.command.params}
            assert names - {"", "db", "help"} == {
                k for k, v in table.items() if type(v) is not dict
            }


def test_execdb_takes_the_file_of_options(
    options: str, run: Run, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "execdb.toml"
    path.write_text(marked(options, "#"))
    monkeypatch.setenv("EXECDB_OPTIONS", str(path))
    assert run("query", "--limit", "1").code == 0
    assert run("config", "list").code == 0


def test_each_command_has_a_man_page() -> None:
    names = {"-".join(("execdb", *each.words)) + ".1" for each in every_command()}
    assert {*man.stored()} == names == {path.name for path in MAN.iterdir()}
    assert {"execdb.1", "execdb-query.1", "execdb-config-set.1"} <= names


@pytest.mark.parametrize("name", ["execdb.1", "execdb-query.1", "execdb-config-set.1"])
def test_nothing_in_a_man_page_is_a_request_by_accident(name: str) -> None:
    macros = {"TH", "SH", "B", "BR", "TP", "PP", "nf", "fi"}
    for line in man.stored()[name].splitlines():
        assert not line.startswith("'")
        if line.startswith("."):
            assert line[1:].split()[0] in macros, line


@pytest.mark.parametrize("shell", places.COMPLETIONS)
def test_a_shell_can_load_what_completes(shell: str) -> None:
    text = completion.scripts()[places.COMPLETIONS[shell]]
    assert "_EXECDB_COMPLETE" in text
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=marked(text, "#"), text=True, check=True)
    if shell == "zsh":
        assert text.startswith("#compdef execdb\n")


OPTIONS = "[collect]\nkeep = '5d'\n"


@pytest.mark.parametrize(
    ("before", "given", "in_file", "in_unit"),
    [
        (None, {}, {"keep": "30d", "max-size": "2GB"}, " --group execdb"),
        (None, {"keep": "7d"}, {"keep": "7d", "max-size": "2GB"}, " --group execdb"),
        (None, {"group": "adm"}, {"keep": "30d", "max-size": "2GB", "group": "adm"}, ""),
        (marked(OPTIONS, "#"), {}, {"keep": "5d", "max-size": "2GB"}, " --group execdb"),
        (OPTIONS, {}, None, " --max-size 2GB --group execdb"),
        (OPTIONS, {"keep": "7d"}, None, " --keep 7d --max-size 2GB --group execdb"),
    ],
    ids=["new", "given", "group", "ours", "foreign", "foreign and given"],
)
def test_options_go_into_the_file_or_where_that_is_the_users_into_the_unit(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: str | None,
    given: dict[str, object],
    in_file: dict[str, str] | None,
    in_unit: str,
) -> None:
    path = tmp_path / "execdb.toml"
    if before is not None:
        path.write_text(before)
    monkeypatch.setattr(places, "OPTIONS_FILE", path)
    files = {file.path: file for file in plan.files(given, places.FOLDER / "execdb.db")}
    assert files[path].kept is (in_file is None)
    if in_file is not None:
        assert tomllib.loads(files[path].text)["collect"] == in_file
    text = files[places.UNIT_FILE].text
    start = re.search(r"^ExecStart=.* collect --take-over(.*)$", text, re.MULTILINE)
    assert start is not None
    assert start[1] == in_unit
