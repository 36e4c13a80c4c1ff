"""One machine for all tests here, with execdb installed from the wheel as its users do it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.install.conftest import Built, built, run
from tests.service.machine import Machine, booted, make_root

__all__ = ["built"]

EXECDB = Path("/opt/execdb/bin/execdb")


@pytest.fixture(scope="session")
def wheels(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel and all that it needs, from the index that pip is configured for."""
    folder = tmp_path_factory.mktemp("wheels")
    what = f"{built.wheel}[central]"
    run(sys.executable, "-m", "pip", "wheel", "-q", "-w", folder, what, cwd=folder)
    return folder


@pytest.fixture(scope="session")
def machine(wheels: Path) -> Iterator[Machine]:
    if os.geteuid() != 0 and not os.environ.get("CI"):
        pytest.skip("needs root: sudo make test-service")
    make_root()
    with booted([wheels]) as found:
        put_in(found, wheels, EXECDB.parents[1])
        yield found


def put_in(machine: Machine, wheels: Path, folder: Path) -> None:
    """As `pipx install execdb` does."""
    machine.run("python3", "-m", "venv", folder)
    install = ("install", "-q", "--no-index", "--find-links", wheels, "execdb[central]")
    machine.run(folder / "bin/pip", *install)
