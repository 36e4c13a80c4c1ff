"""One machine for all tests here, with execdb installed from the wheel as its users do it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.install.conftest import Built, built, run
from tests.service.machine import Machine, booted, make_root, python_version

__all__ = ["built"]

EXECDB = Path("/opt/execdb/bin/execdb")


@pytest.fixture(scope="session")
def wheels(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel and all that it needs with the Python of that Debian, from the index that pip is
    configured for."""
    if os.geteuid() != 0 and not os.environ.get("CI"):
        pytest.skip("needs root: sudo make test-service")
    make_root()
    folder = tmp_path_factory.mktemp("wheels")
    download = ("download", "-q", "--only-binary=:all:", "--python-version", python_version())
    what = f"{built.wheel}[central]"
    run(sys.executable, "-m", "pip", *download, "-d", folder, what, cwd=folder)
    return folder


@pytest.fixture(scope="session")
def machine(wheels: Path) -> Iterator[Machine]:
    with booted([wheels]) as found:
        put_in(found, wheels, EXECDB.parents[1])
        yield found


def put_in(machine: Machine, wheels: Path, folder: Path) -> None:
    """As `pipx install execdb` does."""
    machine.run("python3", "-m", "venv", folder)
    install = ("install", "-q", "--no-index", "--find-links", wheels, "execdb[central]")
    machine.run(folder / "bin/pip", *install)
