"""What waits to be stored: in order, private, and refused where there is no room for it."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from execdb.store.errors import ExecdbError
from execdb.store.importing import spool
from execdb.store.importing.spool import Spool


@pytest.mark.parametrize("size", [23, 65_537 // 7])
def test_it_gives_back_what_it_got(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_MEMORY_BYTES", 65_537)
    chunks = [[(n, "é\udcff" * size)] for n in range(11)]
    with Spool() as kept:
        for chunk in chunks:
            kept.add(chunk)
        assert list(kept) == list(kept) == chunks


def test_it_takes_no_more_than_half_of_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    room = SimpleNamespace(f_bavail=4, f_frsize=spool._MEMORY_BYTES)
    monkeypatch.setattr(os, "fstatvfs", lambda _: room)
    with Spool() as kept:
        kept.add(["x" * spool._MEMORY_BYTES * 2])
        with pytest.raises(ExecdbError, match="set TMPDIR"):
            kept.add(["x" * spool._MEMORY_BYTES * 3])


class _Command:
    """Runs when it is read back, if it is."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("made-by-a-pickle",)


def test_what_comes_back_as_something_else_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Spool() as spool:
        spool.add([_Command()])
        with pytest.raises(ExecdbError, match="was changed while execdb used it"):
            list(spool)
    assert os.listdir(tmp_path) == []
