"""`execdb --version`, and the other way to call the command."""

import os
import platform
import re
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import execdb
from execdb.cli import version
from execdb.cli.main import run

ROOT = Path(__file__).parents[2]


def test_versions_of_execdb_and_of_what_it_stands_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        f"execdb {execdb.__version__}",
        f"Python {platform.python_version()}",
        f"SQLite {sqlite3.sqlite_version}",
        f"kernel {os.uname().release}",
    ]
    assert re.fullmatch(r"BCC (\d+\.\d+\.\d+\S*|not found)", lines[4])
    assert len(lines) == 5


def test_a_version_of_bcc_is_that_of_the_module() -> None:
    """Where the distribution's Python has BCC, which is then imported to compare."""
    code = "import bcc; print(bcc.__version__)"
    asked = subprocess.run(["/usr/bin/python3", "-Ic", code], capture_output=True, text=True)
    expected = asked.stdout.strip() if asked.returncode == 0 else "not found"
    assert list(version.versions())[-1] == f"BCC {expected}"


@pytest.mark.parametrize("files", [{}, {"__init__.py": ""}, {"version.py": "__version__ = '9'"}])
def test_bcc_that_is_missing_or_another_package_is_not_found(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "bcc"
    package.mkdir()
    for name, text in files.items():
        (package / name).write_text(text)
    with_path = f"import sys; sys.path[:] = [{str(tmp_path)!r}, *sys.path[:3]]\n"
    monkeypatch.setattr(version, "_ASK_BCC", with_path + version._ASK_BCC)
    assert list(version.versions())[-1] == "BCC not found"


def test_the_version_is_written_down_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    number = re.escape(execdb.__version__)
    places = [
        path.relative_to(ROOT).as_posix()
        for folder in ("api", "bpf", "cli", "collector", "store")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(rf"[\"']{number}[\"']", path.read_text())
    ]
    assert places == ["api/__init__.py"]


def test_the_changelog_has_a_section_of_this_version() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    number, _, day = headings[1].partition(" - ")
    assert number == execdb.__version__
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", day)


@pytest.mark.parametrize("options", [["--version"], ["query", "--help"], ["nonsense"], []])
def test_python_m_execdb_is_the_command(options: list[str]) -> None:
    script = [str(Path(sys.executable).with_name("execdb"))]
    answers = [
        subprocess.run([*command, *options], capture_output=True, text=True, timeout=60)
        for command in (script, [sys.executable, "-m", "execdb"])
    ]
    first, second = ((done.returncode, done.stdout, done.stderr) for done in answers)
    assert first == second
