"""Where a recorder is to keep its database."""

from pathlib import Path

import pytest


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A database to be in a folder that root alone may enter."""
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    return folder / "execdb.db"
