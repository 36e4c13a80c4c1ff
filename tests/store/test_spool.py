"""What waits to be stored: in order, private, and refused where there is no room for it."""

import os
from types import SimpleNamespace

import pytest

from execdb.store import spool
from execdb.store.errors import ExecdbError
from execdb.store.spool import Spool


@pytest.mark.parametrize("size", [23, spool._MEMORY_BYTES // 7])
def test_it_gives_back_what_it_got(size: int) -> None:
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
