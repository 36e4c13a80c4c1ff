"""What the service runs: execdb, and all that it imports."""

import os
from pathlib import Path

import mako
import pytest
import sqlalchemy
import typer
import typing_extensions

from execdb.cli.service import safe_code
from execdb.store.errors import ExecdbError


def test_the_packages_that_execdb_requires_are_part_of_it() -> None:
    paths = {*safe_code._paths()}
    for module in (sqlalchemy, typer, mako, typing_extensions):  # alembic requires two of them
        assert Path(str(module.__file__)) in paths
    assert Path(str(sqlalchemy.__file__)).with_name("engine") in paths
    assert Path(str(pytest.__file__)) not in paths


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_one_that_a_user_can_change_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A distribution that Debian has packed lists no files."""
    for name, requires in (("execdb", "Made_Up>=1"), ("made-up", 'other; extra == "x"')):
        about = tmp_path / f"{name.replace('-', '_')}-1.dist-info"
        about.mkdir()
        about.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\nRequires-Dist: {requires}\n"
        )
    (about / "top_level.txt").write_text("made_up\n")
    module = tmp_path / "made_up/inner/module.py"
    module.parent.mkdir(parents=True)
    module.touch()
    (module.parent / "nowhere").symlink_to(tmp_path / "nothing")
    monkeypatch.syspath_prepend(tmp_path)
    os.chown(module, 7907, 7907)
    paths = [path for path in safe_code._paths() if path.is_relative_to(tmp_path / "made_up")]
    assert {*paths} >= {module, module.parent}
    monkeypatch.setattr(safe_code, "_paths", lambda: iter(paths))
    with pytest.raises(ExecdbError, match=f"would run {module}, which uid 7907 can write"):
        safe_code.require_safe_code()
