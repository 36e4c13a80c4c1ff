"""A new database is made in one step, and is what the migrations make."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.errors import DatabaseError
from execdb.store.file.create import make
from execdb.store.file.database import Database, open_database
from execdb.store.file.upgrade import upgrade
from execdb.store.schema import definition
from tests.conftest import schema_of
from tests.processes.process import Process

PRAGMAS = (
    *("application_id", "user_version", "schema_version", "auto_vacuum", "journal_mode"),
    *("page_size", "encoding", "foreign_key_check", "integrity_check"),
)


def content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Everything in the file except white space in its SQL, and the number of changes of the
    schema."""
    with closing(sqlite3.connect(path)) as raw:
        found = {name: raw.execute(f"PRAGMA {name}").fetchall() for name in PRAGMAS}
        assert found.pop("schema_version") != [(0,)]
        schema = raw.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
        found["schema"] = sorted((*one, definition.normalized(str(sql))) for *one, sql in schema)
        for kind, name, *_ in schema:
            if kind == "table":
                found[f"{name} rows"] = raw.execute(f"SELECT * FROM {name}").fetchall()
                found[f"{name} columns"] = raw.execute(f"PRAGMA table_xinfo({name})").fetchall()
    return found


def test_a_new_database_is_what_the_migrations_make(tmp_path: Path) -> None:
    new, migrated = tmp_path / "new.db", tmp_path / "migrated.db"
    make(new)
    with Database(migrated, create=True) as database:
        upgrade(database)
    assert content(new) == content(migrated)


def test_making_a_database_needs_no_alembic(tmp_path: Path) -> None:
    code = "import sys, pathlib; from execdb.store.file.create import prepare;"
    code += "prepare(pathlib.Path(sys.argv[1]), create=True); print(*sys.modules)"
    command = [sys.executable, "-c", code, tmp_path / "execdb.db"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"alembic", "sqlalchemy", "subprocess"}


KILLED = """
import os, signal, sys
from pathlib import Path
from execdb.store.schema import definition
from execdb.store.file import create

def until_killed(statements=definition.statements()):
    yield from statements[:int(sys.argv[2])]
    os.kill(os.getpid(), signal.SIGKILL)

definition.statements = until_killed
create.make(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("done", [0, 7, len(definition.statements())])
def test_a_process_killed_while_making_one_leaves_no_part_of_it(
    own_database: Path, done: int
) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, own_database, str(done)])
    assert killed.returncode == -signal.SIGKILL
    assert own_database.exists()
    assert schema_of(own_database) == {}
    with pytest.raises(DatabaseError, match="empty database"):  # who reads makes nothing
        open_database(own_database)
    assert schema_of(own_database) == {}
    open_database(own_database, create=True).close()
    assert schema_of(own_database) == definition.sql_by_name()


def test_many_who_make_it_at_once_all_get_it(tmp_path: Path) -> None:
    path = tmp_path / "execdb.db"
    code = "import sys, pathlib; from execdb.store.file.create import make; sys.stdin.read();"
    code += "make(pathlib.Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, path]
    many = [Process(command, stdin=subprocess.PIPE) for _ in range(7)]
    for process in many:
        assert process.stdin
        process.stdin.close()
    assert [process.wait(60) for process in many] == [0] * 7
    assert schema_of(path) == definition.sql_by_name()


def test_one_that_has_tables_is_left_alone(db: Path) -> None:
    before = content(db)
    make(db)
    assert content(db) == before


def test_where_none_can_be_made_it_says_so() -> None:
    with pytest.raises(DatabaseError, match="cannot make /proc") as caught:
        make(Path("/proc/execdb.db"))
    assert "\n" not in str(caught.value)
