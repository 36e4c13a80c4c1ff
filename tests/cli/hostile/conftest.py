"""A sound database, to forge."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from execdb.store.event import Place
from execdb.store.file.database import open_database
from tests.conftest import an_exec, recorded, some_creds
from tests.memory import memory


@pytest.fixture(autouse=True)
def own_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """It is written thousands of times."""
    with TemporaryDirectory(prefix="execdb-test-", dir=memory()) as folder:
        path = Path(folder) / "execdb.db"
        monkeypatch.setenv("EXECDB_DB", str(path))
        yield path


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where commands write that are told only the name of a file."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def sound(template: Path) -> bytes:
    """A database with something in each of its tables."""
    path = template.with_name("sound.db")
    path.write_bytes(template.read_bytes())
    with open_database(path) as database:
        parent = an_exec(argv=("x", "y"))
        child = an_exec(
            1,
            creds=some_creds(0, "hi", loginuid=501, tty="pts/3"),
            place=Place("/home", "/user"),
            parent=(parent.boot_ns, parent.pid),
            argv=("x" * 97,),
        )
        recorded(database, [parent, child, an_exec(2, errno="ENOENT", caller="sh")])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO config VALUES (0, 'Hey root!')")
    return path.read_bytes()
