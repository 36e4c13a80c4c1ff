"""A database that was made for what then failed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from execdb.store.file.copies.unmade import opened_or_made
from execdb.store.file.database import Database, open_database
from tests.conftest import an_exec, recorded


def fail(path: Path, after: Callable[[], object] = lambda: None) -> None:
    def failing() -> None:
        after()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), opened_or_made(path):
        failing()


def test_it_is_removed_with_its_folder(tmp_path: Path) -> None:
    fail(tmp_path / "new/execdb.db")
    assert os.listdir(tmp_path) == []


def test_one_that_was_there_stays(tmp_path: Path) -> None:
    open_database(tmp_path / "execdb.db", create=True).close()
    fail(tmp_path / "execdb.db")
    assert os.listdir(tmp_path) == ["execdb.db"]


def test_one_to_which_others_have_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "execdb.db"

    def write() -> None:
        with open_database(path) as other:
            recorded(other, [an_exec()])

    fail(path, write)
    assert path.exists()


def test_one_that_is_open_elsewhere_stays(tmp_path: Path) -> None:
    path, others = tmp_path / "execdb.db", list[Database]()
    fail(path, lambda: others.append(open_database(path)))
    with others[0] as other:
        recorded(other, [an_exec()])
        assert other.is_there()
