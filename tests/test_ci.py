"""What CI and pre-commit run is there: their YAML is right, and so is each `make` target in it."""

import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PRE_COMMIT, CI = ROOT / ".pre-commit-config.yaml", ROOT / ".ci/run"
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def steps(workflow: Path) -> Iterator[dict[str, Any]]:
    for job in yaml.safe_load(workflow.read_text())["jobs"].values():
        assert job["runs-on"]
        yield from job["steps"]


def hooks() -> list[dict[str, Any]]:
    loaded = yaml.safe_load(PRE_COMMIT.read_text())
    return [hook for repository in loaded["repos"] for hook in repository["hooks"]]


def commands(path: Path) -> str:
    """All that a file of CI runs."""
    if path == CI:
        return re.sub(r"#.*", "", path.read_text())
    if path == PRE_COMMIT:
        return "\n".join(hook["entry"] for hook in hooks())
    return "\n".join(step.get("run", "") for step in steps(path))


def made(path: Path) -> set[str]:
    """The targets of `make` in what it runs."""
    lines = re.findall(r"\bmake((?: [a-z-]+)+)", commands(path))
    return {target for line in lines for target in line.split()}


@pytest.mark.parametrize("path", [*WORKFLOWS, PRE_COMMIT, CI], ids=lambda path: path.name)
def test_targets_exist(path: Path) -> None:
    assert made(path)
    assert made(path) - TARGETS == set()


def test_each_step_of_a_workflow_runs_or_uses_something() -> None:
    assert WORKFLOWS
    for workflow in WORKFLOWS:
        assert all(("run" in step) != ("uses" in step) for step in steps(workflow))


def test_the_workflow_does_what_make_check_does() -> None:
    check = re.search(r"^check: (.*?) ##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert check
    wanted = {name for name in check[1].split() if name in TARGETS} - {"setup"}
    assert wanted <= {target for workflow in WORKFLOWS for target in made(workflow)}


def test_every_python_that_is_supported_is_tested() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text())["jobs"]
    assert jobs["unprivileged"]["strategy"]["matrix"]["python"] == PYTHONS
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [text.rpartition(" ")[2] for text in project["classifiers"] if "Python :: 3." in text]
    assert named == PYTHONS
    assert project["requires-python"] == f">={PYTHONS[0]}"


def test_folders_that_a_workflow_names_exist() -> None:
    for workflow in WORKFLOWS:
        for folder in re.findall(r"\btests/[\w/]+", commands(workflow)):
            assert (ROOT / folder).is_dir()


def test_pre_commit_runs_the_linters_and_types() -> None:
    assert {hook["entry"] for hook in hooks()} == {"make lint", "make types"}
    lint = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    assert all(tool in lint for tool in ("ruff check", "ruff format", "clang-format"))


def test_what_runs_alone_stands_where_make_test_looks_for_it() -> None:
    found = [path for path in (ROOT / "tests").rglob("*.py") if "mark.alone" in path.read_text()]
    outside = {path for path in found if ROOT / "tests/kernel" not in path.parents}
    assert outside == {Path(__file__)}


def choices(*arguments: str) -> list[str]:
    """The expressions by which `make` with these arguments lets pytest choose by marker."""
    environment = {name: value for name, value in os.environ.items() if name[:4] != "MAKE"}
    command = ["make", "--dry-run", "ARGS=", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return re.findall(r"bin/pytest\b.*? -m '?([a-z ]+?)(?:'|\\| tests/)", done.stdout)


def test_ci_leaves_nothing_out_and_make_test_what_is_thorough() -> None:
    """Nor does `make test` with a path leave anything of it out."""
    everything = ["not alone and not install", "alone"]
    assert choices("check") == [*everything, "install"]
    assert choices("test", "ARGS=tests/api") == everything
    assert choices("test") == [f"{each} and not thorough" for each in everything]
    assert "check" in made(CI)
