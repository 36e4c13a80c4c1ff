"""A database of an older execdb: collect brings it up to date when it starts."""

import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.schema import definition
from tests.conftest import schema_of
from tests.kernel.recorder import EXECDB, PATIENCE_S, Recorder
from tests.store.file.test_migrations import CHANGE_OF_0011, made

Record = Callable[..., Recorder]


def revision(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(found[0])


def test_the_first_start_migrates_after_a_copy(record: Record, tmp_path: Path) -> None:
    older = made(tmp_path / "a.db", "0011", CHANGE_OF_0011)
    recorder = record(db=older)
    (copy,) = tmp_path.glob("a.db.revision-0011.*Z")
    lines = [re.sub(r"in \d+\.\d s", "in N s", line) for line in recorder.log.splitlines()]
    assert lines[:2] == [
        f"{copy} is a copy as it was (revision 0011), made in N s",
        f"{older} is up to date (revision 0011 before, {definition.REVISION} now), in N s",
    ]
    subprocess.run(["true", "23"], check=True)
    recorder.stop()
    assert len(recorder.ours("true", "23")) == 1
    assert schema_of(older) == definition.sql_by_name()
    assert (revision(copy), copy.stat().st_mode & 0o777) == ("0011", 0o600)
    again = record(db=older)
    assert "is a copy" not in again.log
    assert list(tmp_path.glob("a.db.revision-*")) == [copy]


def test_what_the_upgrade_refuses_ends_the_start(tmp_path: Path) -> None:
    older = made(
        tmp_path / "a.db", "0011", "CREATE TRIGGER t AFTER UPDATE ON run BEGIN SELECT 1; END"
    )
    before = older.read_bytes()
    done = subprocess.run(
        [EXECDB, "--db", older, "collect"], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"execdb: {older} "), done.stderr
    assert (revision(older), older.read_bytes()) == ("0011", before)
    assert not list(tmp_path.glob("a.db.revision-*"))


@pytest.mark.thorough
@pytest.mark.alone
def test_a_restart_is_blind_for_less_than_two_seconds(record: Record) -> None:
    """Not counted is the time in which something on this machine waited for a CPU."""
    found = []
    for _ in range(3):
        record().stop()
        waited_s = waits_for_cpu_s()
        last = record()
        waited_s = waits_for_cpu_s() - waited_s
        last.stop()
        blind = [each for each in last.coverage() if each["why"] == "no collector"]
        found.append(blind[-2]["duration_ns"] / 1e9 - waited_s)
        if found[-1] < 2:
            return
    raise AssertionError(f"blind for {found} s")


def waits_for_cpu_s() -> float:
    """Since the boot (Documentation/accounting/psi.rst); 0 where the kernel does not tell."""
    try:
        some = Path("/proc/pressure/cpu").read_text().splitlines()[0]
    except OSError:
        return 0.0
    return int(some.rpartition("total=")[2]) / 1e6
