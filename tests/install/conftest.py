"""execdb as users get it: the wheel, built from a copy of the sources, installed by pip or pipx.

pip takes what else is needed from the index that it is configured for.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
NOT_SOURCES = (".git", ".venv", ".*_cache", ".hypothesis", "build", "dist", "*.egg-info")


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """stdout of a command, which finds nothing of the clone or of this virtual environment."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**clean, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_COMPILE": "1", **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Built(NamedTuple):
    wheel: Path
    sdist: Path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """What `make wheel` makes. From a copy, as the build leaves files in its folder."""
    folder = tmp_path_factory.mktemp("built")
    ignored = shutil.ignore_patterns(*NOT_SOURCES, "__pycache__")
    shutil.copytree(ROOT, folder / "sources", ignore=ignored)
    run(sys.executable, "-m", "build", "--outdir", folder, folder / "sources", cwd=folder)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Built(wheel, sdist)


class Installed(NamedTuple):
    """The command, and the interpreter of the environment that it is in."""

    execdb: Path
    python: Path


@pytest.fixture(scope="session")
def by_pip(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("pip")
    venv.create(folder / "venv", with_pip=True)
    binaries = folder / "venv/bin"
    run(binaries / "pip", "install", "-q", built.wheel, cwd=folder)
    return Installed(binaries / "execdb", binaries / "python")


@pytest.fixture(scope="session")
def by_pipx(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """With the machine's pipx, or else with one that is installed for this."""
    folder = tmp_path_factory.mktemp("pipx")
    command = [shutil.which("pipx") or ""]
    places = {"PIPX_HOME": str(folder / "home"), "PIPX_BIN_DIR": str(folder / "bin")}
    if not command[0]:
        own = folder / "pipx"
        run(sys.executable, "-m", "pip", "install", "-q", "--target", own, "pipx", cwd=folder)
        command, places["PYTHONPATH"] = [sys.executable, "-m", "pipx"], str(own)
    run(*command, "install", "--python", sys.executable, built.wheel, cwd=folder, **places)
    return Installed(folder / "bin/execdb", folder / "home/venvs/execdb/bin/python")
