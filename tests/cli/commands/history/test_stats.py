"""stats: what groups of events did, in each format."""

import csv
import io
import json
import time
from pathlib import Path

import pytest
from rich.cells import cell_len

from execdb.store.event import End
from execdb.store.file.database import open_database
from tests.cli.conftest import Run, refused
from tests.cli.terminal import on_terminal
from tests.conftest import an_exec, counts, recorded, some_creds


def fill(db: Path) -> None:
    execs = [
        an_exec(n, comm="gcc" if n % 3 else "\x1b[2Jrm", creds=some_creds(n % 2)) for n in range(23)
    ]
    ends = [End(e.boot_ns + 3_000_000, (e.boot_ns, e.pid), n % 2) for n, e in enumerate(execs)]
    with open_database(db) as database:
        recording = recorded(database, execs)
        recording.write([], ends, counts(23))
        recording.finish(execs[-1].time_ns, counts(23))


def test_a_table_has_a_line_for_each_group_and_escapes_values(run: Run, db: Path) -> None:
    fill(db)
    code, out, err = run("stats")
    header, first, second = out.splitlines()
    zone = "/".join(dict.fromkeys(time.tzname))
    names = f"runs failed total self cpu p50 p95 max first ({zone}) last comm"
    assert " ".join(header.split()) == names
    assert (first.split()[0], second.split()[0]) == ("15", "8")
    assert (first.split()[-1], second.split()[-1]) == ("gcc", "\\x1b[2Jrm")
    assert (code, err) == (0, "")


COLUMNS = "runs failed total self cpu p50 p95 max first last"


@pytest.mark.parametrize("sort", ["first", "total"])
@pytest.mark.parametrize("columns", [60, 80, 100, 200])
def test_a_table_fits_the_terminal_and_keeps_the_column_it_is_sorted_by(
    db: Path, columns: int, sort: str
) -> None:
    with open_database(db) as database:
        execs = [an_exec(n, comm="gcc", argv=("漢字" * n,)) for n in range(23)]
        recorded(database, execs).finish(execs[-1].time_ns, counts(23))
    asked = ("stats", "--by", "comm,argv", "--sort", sort, "--limit", 0, "--utc")
    with on_terminal(*asked, columns=columns, NO_COLOR="1") as terminal:
        header, *lines = terminal.end()[0].splitlines()
    assert len(lines) >= 23
    assert max(map(cell_len, (header, *lines[:23]))) <= columns
    names = header.replace(" (UTC)", "").split()
    assert header.count("(UTC)") == (1 if {"first", "last"} & {*names} else 0)
    assert names == [name for name in COLUMNS.split() if name in names] + ["comm", "argv"]
    assert {"runs", "failed", "total", sort} <= {*names}
    assert (columns < 100) is (len(names) < 12)


def test_wide_shows_all_and_failures_are_red(db: Path) -> None:
    fill(db)
    with on_terminal("stats", "--wide", columns=60) as terminal:
        header, first, *_ = terminal.end()[0].splitlines()
    assert all(name in header for name in COLUMNS.split())
    assert "\x1b[31m7\x1b[0m" in first


def test_json_has_nanoseconds_and_csv_is_the_same(run: Run, db: Path) -> None:
    fill(db)
    arguments = ("stats", "--by", "comm,uid", "--sort", "runs", "--format")
    groups = json.loads(run(*arguments, "json").out)
    assert sum(group["runs"] for group in groups) == 23
    assert [group["runs"] for group in groups] == sorted(
        (group["runs"] for group in groups), reverse=True
    )
    assert groups[0]["total_ns"] == groups[0]["self_ns"] == 3_000_000 * groups[0]["runs"]
    assert groups[0]["max_ns"] == 3_000_000
    assert groups[0]["p50_ns"] == pytest.approx(3_000_000, rel=0.011)
    rows = list(csv.DictReader(io.StringIO(run(*arguments, "csv").out)))
    assert [row["runs"] for row in rows] == [str(group["runs"]) for group in groups]
    assert rows[0].keys() == groups[0].keys() - {"first", "last"}
    header = run(*arguments, "csv").out.splitlines()[0]
    assert run(*arguments, "csv", "comm=nothing").out == f"{header}\r\n"


def test_terms_limit_and_sort_choose(run: Run, db: Path) -> None:
    fill(db)
    code, out, err = run("stats", "uid=1", "--by", "pid", "--limit", 3, "--sort", "first")
    assert [line.split()[-1] for line in out.splitlines()[1:]] == ["1001", "1003", "1005"]
    assert (code, err) == (0, "3 of 11 groups; --limit 0 shows all\n")


def test_nothing_is_said_and_strict(run: Run, db: Path) -> None:
    code, out, err = run("stats", "--strict")
    assert (code, out) == (3, "")
    assert err == "note: nothing has been recorded to this file\n"
    assert run("stats", "--format", "json").out == "[]\n"


def test_wrong_fields_are_refused(run: Run, db: Path) -> None:
    for name in ("duration_ns", "duration", "cpu"):
        refused(run("stats", "--by", name), 2, f"nearly every event has a {name} of its own")
    refused(run("stats", "--by", "comn"), 2, "there is no field 'comn': did you mean comm?")
    refused(run("stats", "--by", "user"), 2, "there is no field 'user': give uid")
    refused(run("timeline", "--by", "comm,uid"), 2, "split by one field")
    refused(run("new", "--by", ""), 2, "there is no field ''")


def test_fields_may_have_spaces_after_the_commas(run: Run, db: Path) -> None:
    fill(db)
    header = run("stats", "--by", "comm, uid").out.splitlines()[0]
    assert header.split()[-2:] == ["comm", "uid"]
