"""new: what had never run before, with who started it first."""

import csv
import io
import json
from pathlib import Path

import pytest

from execdb.store.event import Place
from execdb.store.file.database import open_database
from execdb.store.overview.newcomers import PROGRAM
from execdb.store.times import rfc3339
from execdb.store.writing.recording import Recording
from tests.cli.conftest import Run, refused
from tests.conftest import MACHINE, START_NS, an_exec, counts, some_creds

HOUR = 3_600_000  # of the numbers of an_exec, which are milliseconds
SINCE = ("--since", rfc3339(START_NS + 100 * HOUR * 1_000_000))


@pytest.fixture
def week(db: Path) -> Path:
    """Programs a, b and c in the first hour; d in the 99th; from the 100th on a again, b as another
    user, e twice and f refused. The daemon ran before the collector."""
    with open_database(db) as database:
        recording = Recording(database, MACHINE, "0", START_NS)
        daemon = an_exec(0, pid=7, filename="/d/daemon", comm="daemon")
        recording.know([daemon])
        shell = an_exec(1, pid=23, filename="/d/c", comm="c")

        def program(number: int, name: str, uid: int = 0, **more: object) -> object:
            who = some_creds(uid)
            return an_exec(
                number, filename=f"/d/{name}", comm=name, creds=who,
                argv=(name, f"{number}"), place=Place(f"/home/{name}", None), pid=1_000, **more,
            )  # fmt: skip

        execs = [
            shell,
            program(2, "a"),
            program(3, "b", 501),
            program(99 * HOUR, "d"),
            program(100 * HOUR, "a"),
            program(100 * HOUR + 1, "b"),
            program(100 * HOUR + 2, "e", 501, parent=(shell.boot_ns, 23)),
            program(100 * HOUR + 3, "e", 501),
            program(100 * HOUR + 4, "f", errno="ENOENT"),
            program(100 * HOUR + 5, "daemon"),
        ]
        recording.write(execs, [], counts(len(execs)))
        recording.finish(START_NS + 101 * HOUR * 1_000_000, counts(len(execs)))
    return db


def found(run: Run, *arguments: str) -> list[str]:
    """The commands of the first events."""
    answer = run("new", *arguments, "--format", "json")
    assert answer.code == 0
    return [" ".join(each["first"]["argv"]) for each in json.loads(answer.out)]


def test_what_ran_before_as_that_user_is_not_new(run: Run, week: Path) -> None:
    assert found(run, *SINCE) == [f"b {100 * HOUR + 1}", f"e {100 * HOUR + 2}"]
    assert found(run, *SINCE, "--by", "comm") == [f"e {100 * HOUR + 2}"]
    assert found(run, *SINCE, "--by", "comm,cwd") == [
        f"e {100 * HOUR + 2}",
        f"daemon {100 * HOUR + 5}",  # its directory is
    ]
    assert found(run, *SINCE, "--by", PROGRAM, "uid=0") == [f"b {100 * HOUR + 1}"]


def test_the_baseline_is_a_time_before(run: Run, week: Path) -> None:
    for length in ("101h", "all", "30d"):
        assert len(found(run, *SINCE, "--baseline", length, "--by", "comm")) == 1
    assert found(run, *SINCE, "--baseline", "2h", "--by", "comm")[0] == f"a {100 * HOUR}"
    assert found(run, "--since", "2020-01-01", "--by", "comm")[0] == "true"
    assert found(run) == []


def test_failed_attempts_count_where_they_are_asked_for(run: Run, week: Path) -> None:
    assert found(run, *SINCE, "--failed") == [f"f {100 * HOUR + 4}"]
    assert found(run, *SINCE, "errno!=null") == [f"f {100 * HOUR + 4}"]


def test_who_started_it_first(run: Run, week: Path) -> None:
    (_, new) = json.loads(run("new", *SINCE, "--format", "json").out)
    assert new["new"] == {PROGRAM: "/d/e", "uid": 501}
    assert (new["runs"], new["first"]["uid"], new["parent"]["comm"]) == (2, 501, "c")
    header, *lines = run("new", *SINCE, "--utc").out.splitlines()
    assert header.split() == ["first", "(UTC)", "user", "runs", "id", "parent", PROGRAM, "command"]
    time = rfc3339(START_NS + (100 * HOUR + 2) * 1_000_000)[:19]
    assert lines[1].split() == [
        *time.split("T"), "501", "2", "7", "c", "23", "/d/e", "e", f"{100 * HOUR + 2}"
    ]  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(run("new", *SINCE, "--format", "csv").out)))
    assert [(row["runs"], row["parent"]) for row in rows] == [("1", ""), ("2", "c")]


def test_holes_of_the_baseline_are_said(run: Run, week: Path) -> None:
    answer = run("new", *SINCE, "--until", rfc3339(START_NS + 101 * HOUR * 1_000_000), "--strict")
    assert answer.code == 3
    assert "compared with " in answer.err
    assert "(before the first run)" in answer.err
    until = ("--until", rfc3339(START_NS + 101 * HOUR * 1_000_000))
    assert run("new", *SINCE, *until, "--baseline", "99h", "--strict").code == 0


def test_the_latest_are_shown(run: Run, week: Path) -> None:
    answer = run("new", *SINCE, "--limit", 1)
    assert answer.out.splitlines()[-1].split()[-1] == f"{100 * HOUR + 2}"
    assert "the latest 1 of 2; --limit 0 shows all\n" in answer.err


@pytest.mark.parametrize("width", [60, 80, 200])
def test_lines_fit(run: Run, week: Path, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert max(map(len, run("new", *SINCE).out.splitlines())) <= width


def test_wrong_questions_are_refused(run: Run, week: Path) -> None:
    refused(run("new", "--by", "comn"), 2, "comn", "comm")
    refused(run("new", "--by", "id"), 2, "id")
    refused(run("new", "--baseline", "yesterday"), 2, "30d")


def test_nothing_is_said(run: Run, db: Path) -> None:
    answer = run("new", "--strict")
    assert (answer.code, answer.out) == (3, "")
    assert "nothing ran for the first time\n" in answer.err
    assert run("new", "--format", "json").out == "[]\n"


def test_earlier_rows_without_exe_are_known_by_the_name_they_were_started_by(
    run: Run, db: Path
) -> None:
    """So that the day on which `exe` was first recorded has not everything new; but an exe that is
    known is compared."""
    names = [
        (1, "/bin/sh", None),
        (2, "/bin/cp", "/usr/bin/busybox"),
        (100 * HOUR, "/bin/sh", "/usr/bin/dash"),
        (100 * HOUR + 1, "/bin/cp", "/opt/evil"),
        (100 * HOUR + 2, "/bin/mv", "/usr/bin/busybox"),
        (100 * HOUR + 3, "/bin/ls", None),
    ]
    with open_database(db) as database:
        recording = Recording(database, MACHINE, "0", START_NS)
        execs = [
            base._replace(start=base.start._replace(
                command=base.command._replace(filename=name, exe=exe)))
            for number, name, exe in names
            for base in [an_exec(number, pid=1_000)]
        ]  # fmt: skip
        recording.write(execs, [], counts(len(execs)))
        recording.finish(execs[-1].time_ns, counts(len(execs)))
    new = json.loads(run("new", *SINCE, "--format", "json").out)
    assert [each["new"] for each in new] == [
        {"exe": "/opt/evil", "uid": 0},
        {"exe": "/bin/ls", "uid": 0},
    ]
