"""The version is written down twice; both must say the same."""

import tomllib
from pathlib import Path

import pytest

from execdb.cli.main import run


def test_the_command_knows_the_version_of_the_project(capsys: pytest.CaptureFixture[str]) -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"execdb {project['project']['version']}\n"
