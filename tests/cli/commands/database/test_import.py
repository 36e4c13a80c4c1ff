"""import: what it adds, what it refuses, and that it waits without a lock."""

import gzip
import json
import os
import pty
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from execdb.store.fields import to_dict
from execdb.store.file.database import open_database
from execdb.store.json_text import json_of
from tests.cli.conftest import Execdb, Run, refused
from tests.conftest import EXECDB, Answer, an_event, an_exec, recorded
from tests.processes.process import Process
from tests.trace import hello_build


@pytest.mark.parametrize("terminal", [True, False])
def test_an_import_shows_how_far_it_is_on_a_terminal(
    db: Path, tmp_path: Path, terminal: bool
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text("".join(json_of(to_dict(an_event(n))) + "\n" for n in range(3_001)))
    master, slave = pty.openpty()
    stderr = slave if terminal else subprocess.PIPE
    command = [EXECDB, "--db", db, "import", file]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=stderr, env=environment, timeout=60
    )
    os.close(slave)
    assert done.stdout == b"imported 3001 execs, 0 were there already\n"
    if terminal:
        assert b"importing" in os.read(master, 65_536)
    else:
        assert done.stderr == b""
    os.close(master)


def test_a_file_to_import_that_is_not_there(run: Run, tmp_path: Path) -> None:
    refused(run("import", tmp_path / "missing.ndjson"), 1, "missing.ndjson")
    refused(run("import", tmp_path), 1)


def test_a_malformed_line_is_named(run: Run, db: Path, tmp_path: Path) -> None:
    file = tmp_path / "bad.ndjson"
    file.write_text(json_of(to_dict(an_event())) + "\n{]\n")
    refused(run("import", file), 1, "line 2")
    assert run("query", "--count").out == "0\n"


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_refused_import_leaves_no_database(
    run: Run, tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    file, path = tmp_path / "bad.ndjson", tmp_path / "new/execdb.db"
    file.write_bytes(compress(json_of(to_dict(an_event())).encode() + b"\n{]\n"))
    refused(run("--db", path, "import", file), 1, "line 2")
    assert not path.parent.exists()
    path.parent.mkdir()
    refused(run("--db", path, "import", file), 1, "line 2")
    assert os.listdir(path.parent) == []


def test_a_file_that_is_not_utf_8(run: Run, db: Path, tmp_path: Path) -> None:
    file = tmp_path / "bad.ndjson"
    file.write_bytes(b"\xff\n")
    refused(run("import", file), 1, "bad.ndjson: line 1 is not UTF-8")


def test_an_import_says_what_it_learned_and_what_it_cannot_tell(
    run: Run, db: Path, tmp_path: Path
) -> None:
    early, late = tmp_path / "early.ndjson", tmp_path / "late.ndjson.gz"
    early.write_text(json_of(to_dict(an_event(1))) + "\n")
    over = an_event(1, ended="exit", exit_code=0, duration_ns=7), an_event(2, parent_id=997)
    late.write_bytes(gzip.compress("".join(json_of(to_dict(e)) + "\n" for e in over).encode()))
    run("import", early)
    answer = run("import", late)
    assert answer.out == "imported 1 exec, 1 were there already (1 of them learned their end)\n"
    assert answer.err.startswith("note: the parent of 1 exec is unknown")
    assert answer.err.count("\n") == 1


def test_the_database_is_free_while_an_import_waits_for_its_input(execdb: Execdb, db: Path) -> None:
    command = [EXECDB, "--db", db, "import", "-"]
    process = Process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    line = json_of(to_dict(an_event())) + "\n"
    process.stdin.write(line)
    process.stdin.flush()
    while f"pipe:[{os.fstat(process.stdin.fileno()).st_ino}]" not in waits_for(process.pid):
        assert process.poll() is None
    with open_database(db, busy_ms=0) as database:
        recorded(database, [an_exec(n) for n in range(1, 24)])
    out, _ = process.communicate(timeout=60)
    assert out == "imported 1 exec, 0 were there already\n"
    assert execdb("query", "--count").stdout == "24\n"


def waits_for(pid: int) -> str:
    """The file that a process reads from at the moment; empty if it does something else."""
    call = Path(f"/proc/{pid}/syscall").read_text().split()
    reads = len(call) > 1 and call[0] in ("0", "63")  # read(2), on x86-64 and on arm64
    return os.readlink(f"/proc/{pid}/fd/{int(call[1], 16)}") if reads else ""


def events_of(answer: Answer) -> list[dict[str, Any]]:
    """Without what belongs to one file."""
    assert answer.code == 0
    values = [json.loads(line) for line in answer.out.splitlines()]
    return [{k: v for k, v in value.items() if k not in ("id", "run_id")} for value in values]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A recorded build of GNU hello."""
    file = tmp_path / "trace.ndjson"
    file.write_text(hello_build())
    return file


def test_what_was_exported_can_be_imported_elsewhere(
    run: Run, execdb: Execdb, db: Path, template: Path, tmp_path: Path, trace: Path
) -> None:
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    assert run("import", trace).out == f"imported {len(lines)} execs, 0 were there already\n"
    exported = run("query", "--format", "ndjson")
    events = events_of(exported)
    assert len(events) == len(lines)
    lines.sort(key=lambda line: line["time_ns"])
    for event, line in zip(events, lines, strict=True):
        line = {key: value for key, value in line.items() if key not in ("id", "run_id")}
        assert {key: event[key] for key in line} == line

    other = tmp_path / "other.db"
    shutil.copy(template, other)
    done = execdb("--db", other, "import", "-", input=exported.out)
    assert done.stdout == f"imported {len(lines)} execs, 0 were there already\n"
    assert events_of(run("--db", other, "query", "--format", "ndjson")) == events
    assert "imported 0 execs" in run("--db", other, "import", trace).out


def test_a_whole_database_is_imported_and_an_older_one_says_what_to_do(
    run: Run, db: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.db"
    with open_database(other, create=True) as database:
        recorded(database, [an_exec(n) for n in range(7)])
    done = run("import", other)
    assert done.out.startswith("imported 7 execs, 0 were there already; of 1 run of ")
    assert run("import", other).out.startswith("imported 0 execs, 7 were there already; of 1 run")
    with closing(sqlite3.connect(other)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0014'")
    refused(run("import", other), 1, f"run execdb upgrade --db {other}, then import it")
