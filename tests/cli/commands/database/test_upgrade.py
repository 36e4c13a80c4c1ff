"""execdb upgrade, and what other commands do with a database of an older execdb."""

import os
import re
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from execdb.store.file.locks.collector_lock import CollectorLock
from execdb.store.schema import definition
from tests.cli.conftest import Run
from tests.conftest import schema_of
from tests.processes.process import Process
from tests.store.schema import next_revision
from tests.store.schema.next_revision import NEXT, NOW


def execdb_of_next(*arguments: str, **options: Any) -> CompletedProcess[str]:
    """The command of the next revision, as a process of its own."""
    command = [sys.executable, str(next_revision.__file__), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def revision(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(found[0])


OTHERS = (
    "query", "query --count", "replay --speed 0", "tree", "status", "coverage", "config list",
    "config set 0 hi", "config default hi", "config unset 501", "import /dev/null",
    "prune --older-than 0s",
)  # fmt: skip


def test_no_other_command_changes_it(older: Path, run: Run) -> None:
    before = older.read_bytes()
    for command in OTHERS:
        answer = run(*command.split())
        sentence = f"execdb: {older} is of an older execdb (revision {NOW}): run execdb upgrade\n"
        assert answer == (1, "", sentence), command
    assert older.read_bytes() == before
    # A file that others may read keeps its WAL when it is closed.
    beside = {f"{older.name}-wal", f"{older.name}-shm"}
    assert {file.name for file in older.parent.iterdir()} - beside == {older.name}


def test_it_is_copied_then_upgraded(older: Path, template: Path, run: Run) -> None:
    code, out, err = run("upgrade")
    (copy,) = older.parent.glob(f"{older.name}.revision-{NOW}.*")
    assert (code, err) == (0, "")
    assert [re.sub(r"in \d+\.\d s", "in N s", line) for line in out.splitlines()] == [
        f"{copy} is a copy as it was (revision {NOW}), made in N s",
        f"{older} is up to date (revision {NOW} before, {NEXT} now), in N s",
    ]
    assert schema_of(older) == definition.sql_by_name()
    assert schema_of(copy) == schema_of(template)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert {file.name for file in older.parent.iterdir()} - {f"{older.name}.lock"} == {
        older.name,
        copy.name,
    }
    assert "501 Hi user 501!" in run("config", "list").out
    assert run("upgrade") == (0, f"{older} is up to date (revision {NEXT})\n", "")
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT uid FROM config").fetchall() == [(501,)]


def test_no_copy_is_written_over(
    older: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_795_694_523.5)
    first = older.with_name(f"{older.name}.revision-{NOW}.20261126T120203Z")
    precious = tmp_path / "precious"
    precious.write_text("precious")
    first.symlink_to(precious)
    second = older.with_name(f"{first.name}.1")
    second.write_text("another")
    assert f"{first.name}.2 is a copy" in run("upgrade").out
    assert (precious.read_text(), second.read_text()) == ("precious", "another")


def test_the_last_two_copies_are_kept(older: Path, run: Run, tmp_path: Path) -> None:
    names = ("0007.20250101T000000Z", "0008.20250101T000000Z", "0009.20260101T000000Z.1")
    for name in names:
        older.with_name(f"{older.name}.revision-{name}").write_text(name)
    others = [older.with_name(f"{older.name}{end}") for end in (".revision-7", ".before-0009")]
    for other in others:
        other.write_text("not ours")
    link = older.with_name(f"{older.name}.revision-0006.20200101T000000Z")
    link.symlink_to(others[0])
    assert run("upgrade").out.count("was removed, the copy of an earlier upgrade") == 2
    left = {path.name.removeprefix(f"{older.name}.revision-") for path in older.parent.iterdir()}
    assert {name for name in left if name in names} == {names[2]}
    assert link.is_symlink()
    assert all(other.exists() for other in others)


def test_an_older_program_names_the_copy_it_can_use(
    older: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("upgrade")
    (copy,) = older.parent.glob("*.revision-*")
    monkeypatch.undo()
    answer = run("--db", str(older), "query")
    assert answer.code == 1
    assert answer.err == (
        f"execdb: {older} was written by a newer execdb (revision {NEXT}, this one knows {NOW}): "
        f"install that one, or use the copy made before its upgrade: --db {copy}\n"
    )
    assert run("--db", str(copy), "query", "--count").out == "1\n"


def test_room_for_the_copy_is_looked_for_first(
    older: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = os.statvfs(older)
    full = (*disk[:4], 3, *disk[5:])
    monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result(full))
    answer = run("upgrade")
    assert answer.code == 1
    assert "MB are free in" in answer.err
    assert revision(older) == NOW
    assert not list(older.parent.glob("*.revision-*"))


def test_not_while_a_collector_records(older: Path, run: Run) -> None:
    with closing(CollectorLock(older)):
        answer = run("upgrade")
    assert answer.code == 1
    assert f"a collector (pid {os.getpid()}) records to {older}" in answer.err
    assert revision(older) == NOW
    assert not list(older.parent.glob("*revision*"))


def test_where_the_copy_has_no_room_nothing_is_left_of_it(older: Path) -> None:
    size = older.stat().st_size

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

    done = execdb_of_next("upgrade", preexec_fn=small)
    assert done.returncode == 1
    assert "the limit on the size of files" in done.stderr
    assert revision(older) == NOW
    assert not list(older.parent.glob("*revision*"))


def test_where_the_upgrade_fails_no_copy_is_left(older: Path) -> None:
    """A service is started again each second."""
    kept = older.with_name(f"{older.name}.revision-0007.20250101T000000Z")
    kept.write_text("of an upgrade before")
    with closing(sqlite3.connect(older)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        done = execdb_of_next("upgrade")
    assert done.returncode == 1
    assert "was removed: nothing was upgraded" in done.stdout
    assert revision(older) == NOW
    assert list(older.parent.glob("*revision*")) == [kept]
    assert execdb_of_next("upgrade").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_where_it_is_interrupted_no_copy_is_left(older: Path, number: signal.Signals) -> None:
    """As a service does that is stopped while it starts."""
    with closing(sqlite3.connect(older)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        upgrading = Process(
            [sys.executable, str(next_revision.__file__), "upgrade"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert upgrading.stdout is not None
        assert "is a copy as it was" in upgrading.stdout.readline()
        upgrading.send_signal(number)
        with upgrading.stdout:
            rest = upgrading.stdout.read()
        assert upgrading.wait(timeout=60) == 130
    assert "was removed: nothing was upgraded" in rest
    assert revision(older) == NOW
    assert not list(older.parent.glob("*revision*"))


def test_an_interrupt_in_sqlalchemy_leaves_no_copy(older: Path, run: Run) -> None:
    """It closes the connection that it was given."""

    def interrupt(connection: sqlite3.Connection, _: object) -> None:
        if connection.execute("PRAGMA database_list").fetchone()[2]:  # none of those in memory
            raise KeyboardInterrupt

    event.listen(Pool, "connect", interrupt)
    try:
        answer = run("upgrade")
    finally:
        event.remove(Pool, "connect", interrupt)
    assert answer.code == 130
    assert "was removed: nothing was upgraded" in answer.out
    assert not list(older.parent.glob("*revision*"))


def test_there_is_none_to_upgrade(own_database: Path, run: Run) -> None:
    answer = run("upgrade")
    assert (answer.code, answer.out) == (1, "")
    assert "no database" in answer.err
    assert not own_database.exists()


def test_nothing_of_the_current_folder_is_run(older: Path, tmp_path: Path) -> None:
    """In it are what Python and Alembic might take for theirs."""
    folder, ran = tmp_path / "evidence", tmp_path / "ran"
    folder.mkdir()
    for name in ("alembic", "sqlalchemy", "execdb", "sqlite3", "env", "mako", "site", "logging"):
        (folder / f"{name}.py").write_text(f"open({str(ran)!r}, 'w').write('{name}')")
    for name in ("alembic.ini", "pyproject.toml"):
        (folder / name).write_text("[alembic]\nscript_location = .\n")
    assert execdb_of_next("query", cwd=folder).returncode == 1
    assert execdb_of_next("upgrade", cwd=folder).returncode == 0
    assert execdb_of_next("query", "--count", cwd=folder).stdout == "1\n"
    assert not ran.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_in_a_users_folder_the_copy_is_the_users(older: Path, run: Run) -> None:
    for each in (older.parent, older):
        os.chown(each, 7907, 7907)
    assert run("upgrade").code == 0
    assert {file.stat().st_uid for file in older.parent.iterdir()} == {7907}


def test_every_process_is_started_isolated() -> None:
    """From the sources: `-I` for each Python; other programs are the user's pager and systemctl."""
    root = Path(__file__).parents[4]
    for folder in ("bpf", "cli", "collector", "store", "migrations"):
        for path in (root / folder).rglob("*.py"):
            text = path.read_text()
            starts = text.count("Popen(") + text.count("subprocess.run(") + text.count("os.system")
            others = path.name in ("pager.py", "systemd.py")
            assert starts <= text.count('"-I"') + others, path
