"""export: what is in the file of each format, and that it is whole or not there."""

import json
import os
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.fields import FIELDS
from execdb.store.file.database import open_database
from tests.cli.conftest import Run, refused
from tests.conftest import EXECDB, an_exec, counts, recorded
from tests.processes.process import Process
from tests.running.thorough import first

FORMATS = ["ndjson", "csv", "folded", "sqlite", "perfetto"]


@pytest.mark.parametrize("format", ["ndjson", "csv"])
def test_text_is_what_query_prints(run: Run, filled: Path, tmp_path: Path, format: str) -> None:
    file = tmp_path / f"out.{format}"
    assert run("export", file, "pid=1000..1010").code == 0
    printed = run("query", "pid=1000..1010", "--format", format).out
    assert file.read_bytes() == printed.encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_sqlite_has_the_rows_of_execs_and_what_is_missing(
    run: Run, filled: Path, tmp_path: Path
) -> None:
    with open_database(filled) as database:
        odd = an_exec(31, argv=("run", "\udcff"), filename="/\udcff")
        recorded(database, [an_exec(30), odd]).finish(an_exec(32).time_ns, counts(2, lost=3))
    assert run("export", tmp_path / "flat.sqlite").code == 0
    with closing(sqlite3.connect(tmp_path / "flat.sqlite")) as flat:
        names = [row[1] for row in flat.execute("PRAGMA table_info(execs)")]
        rows = flat.execute("SELECT * FROM execs ORDER BY id").fetchall()
        runs = flat.execute("SELECT * FROM runs ORDER BY run_id").fetchall()
        kinds = {row[0] for row in flat.execute("SELECT kind FROM coverage")}
        indexes = {row[1] for row in flat.execute("PRAGMA index_list(execs)")}
        losses = flat.execute("SELECT count(*) FROM losses").fetchone()
        assert flat.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with closing(sqlite3.connect(filled)) as source:
        wanted = ", ".join(field.name for field in FIELDS)
        assert rows == source.execute(f"SELECT {wanted} FROM execs ORDER BY id").fetchall()
        assert runs == source.execute("SELECT * FROM runs ORDER BY run_id").fetchall()
        assert losses == source.execute("SELECT count(*) FROM losses").fetchone()
    assert names == [field.name for field in FIELDS]
    assert len(rows) == 25
    assert "recorded" in kinds
    assert {"execs_time_ns", "execs_comm", "execs_uid"} <= indexes
    assert not (tmp_path / "flat.sqlite-journal").exists()


def test_folded_names_ancestors_that_are_not_chosen(run: Run, db: Path, tmp_path: Path) -> None:
    lines = [
        {"pid": 7, "ppid": 1, "comm": "make", "duration_ns": 50_000_000, "id": 1},
        {"pid": 8, "ppid": 7, "comm": "cc1", "duration_ns": 9_000_000, "id": 2, "parent_id": 1},
    ]
    with open_database(db) as database:
        recorded(database, [an_exec()])
    template = json.loads(run("query", "--format", "ndjson").out)
    ends = {"ended": "exit", "exit_code": 0, "boot_id": "elsewhere"}
    file = tmp_path / "in.ndjson"
    file.write_text(
        "".join(
            json.dumps(template | ends | line | {"boot_ns": template["boot_ns"] + line["id"]})
            + "\n"
            for line in lines
        )
    )
    assert run("import", file).code == 0
    assert run("export", tmp_path / "a.folded", "comm=cc1").code == 0
    assert (tmp_path / "a.folded").read_text() == "make;cc1 9000\n"


def test_a_trace_has_marks_and_changes_of_the_config(
    run: Run, filled: Path, tmp_path: Path
) -> None:
    assert run("config", "set", "1000", "Hi 1000!").code == 0
    assert run("mark", "deploy").code == 0
    for file, options in (("a.pftrace", ()), ("b.pftrace", ("--until", "@1"))):
        assert run("export", tmp_path / file, *options).code == 0
    assert b"config set uid 1000: Hi 1000!" in (tmp_path / "a.pftrace").read_bytes()
    assert b"mark: deploy" in (tmp_path / "a.pftrace").read_bytes()
    assert b"Hi 1000!" not in (tmp_path / "b.pftrace").read_bytes()


@pytest.mark.parametrize("format", FORMATS)
def test_secrets_are_hidden(run: Run, db: Path, tmp_path: Path, format: str) -> None:
    with open_database(db) as database:
        recorded(database, [an_exec(argv=("x", "--password", "hunter2"))])
    file = tmp_path / "file"
    assert run("export", file, "--format", format, "--redact").code == 0
    assert b"hunter2" not in file.read_bytes()


def test_a_file_that_exists_is_replaced_with_force_only(
    run: Run, filled: Path, tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("mine")
    refused(run("export", file), 1, "a.csv", "--force")
    assert file.read_text() == "mine"
    assert run("export", file, "--force").code == 0
    refused(run("export", filled, "--format", "sqlite", "--force"), 1, "belongs to the database")
    assert run("query", "--count").out == "23\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-"], 2, "stdout"),
        (["a.txt"], 2, "--format"),
        (["none/a.csv"], 1, "none/a.csv"),
        (["/dev/null", "--format", "csv", "--force"], 1, "not a plain file"),
    ],
)
def test_what_cannot_be_a_file_is_refused(
    run: Run, filled: Path, arguments: list[str], code: int, words: str
) -> None:
    refused(run("export", *arguments), code, words)


def test_strict_says_what_may_be_missing(run: Run, filled: Path, tmp_path: Path) -> None:
    answer = run("export", tmp_path / "a.csv", "--since", "2020-01-01", "--strict")
    assert answer.code == 3
    assert "note: " in answer.err
    assert (tmp_path / "a.csv").exists()


@pytest.fixture(scope="module")
def large(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = Path(shutil.copy(template, tmp_path_factory.mktemp("large")))
    with open_database(path) as database:
        recorded(database, [an_exec(n) for n in range(60_013)])
    return path


@pytest.mark.parametrize("format", FORMATS[:2] + FORMATS[3:])
def test_a_file_that_cannot_grow_leaves_nothing(large: Path, tmp_path: Path, format: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        # More than SQLite needs beside the database that is read, less than what is written.
        resource.setrlimit(resource.RLIMIT_FSIZE, (102_400, 102_400))

    done = subprocess.run(
        [str(EXECDB), "--db", str(large), "export", str(folder / f"a.{format}")],
        capture_output=True,
        text=True,
        preexec_fn=limited,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"{folder}/a.{format}" in done.stderr
    assert os.listdir(folder) == []


@pytest.mark.parametrize("number", first(1, [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]))
def test_an_interrupt_leaves_nothing(large: Path, tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    process = Process([EXECDB, "--db", large, "export", folder / "a.sqlite"])
    while not os.listdir(folder):
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(number)
    assert process.wait(60) == 130
    assert os.listdir(folder) == []
