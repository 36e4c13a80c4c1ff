"""Wheels of made-up later versions of execdb."""

import re
import shutil
import sys
from pathlib import Path

from tests.install.conftest import Built, run
from tests.store.schema import next_revision


def build(built: Built, folder: Path, version: str, *, migrates: bool = False) -> None:
    """Puts the wheel of that version into the folder; one that `migrates` has the next revision of
    the schema."""
    sources = folder / "sources"
    shutil.copytree(built.wheel.parent / "sources", sources)
    _replace(sources / "api/__init__.py", r'(?m)^__version__ = ".*"', f'__version__ = "{version}"')
    if migrates:
        (sources / "store/schema/schema.sql").write_text(next_revision.next_schema())
        was, now = f'REVISION = "{next_revision.NOW}"', f'REVISION = "{next_revision.NEXT}"'
        _replace(sources / "store/schema/definition.py", was, now)
        for migration in Path(next_revision.__file__).parent.glob("next_versions/*.py"):
            shutil.copy(migration, sources / "migrations/versions")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, sources, cwd=folder)


def _replace(path: Path, pattern: str, text: str) -> None:
    changed, count = re.subn(pattern, text, path.read_text())
    assert count == 1, path
    path.write_text(changed)
