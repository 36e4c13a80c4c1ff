"""execdb ship --once: what arrives in the central store."""

from collections.abc import Callable
from pathlib import Path

import pytest

from execdb.store.account import Loss
from execdb.store.config.table import ConfigTable
from execdb.store.writing.marks import Mark, add_mark
from tests.central.conftest import Central
from tests.central.server import PASSWORD
from tests.central.stores import Recorder, an_end, assert_shipped, central_events, some_execs
from tests.conftest import START_NS, Answer, an_exec

Run = Callable[..., Answer]


def ship(run: Run, central: Central, *more: str) -> str:
    """Ships all there is, and returns what was said."""
    code, out, err = run("ship", "--to", central.url, "--once", *more)
    assert (code, err) == (0, "")
    return out


def test_every_key_arrives_as_it_is(central: Central, run: Run, own_database: Path) -> None:
    recorder = Recorder(own_database)
    execs = some_execs(211)
    recorder.write(execs, [an_end(each) for each in execs[:100]])
    failed = an_exec(300, errno="ENOENT", caller="sh \udcfe")
    recorder.write([failed])
    out = ship(run, central)
    assert out == f"shipped 212 execs and 0 later ends to {central.url.replace(PASSWORD, '***')}\n"
    assert_shipped(central, own_database)
    assert ship(run, central).startswith("shipped 0 execs and 0 later ends")
    assert_shipped(central, own_database)


def test_ends_that_come_later_are_added(central: Central, run: Run, own_database: Path) -> None:
    recorder = Recorder(own_database)
    execs = some_execs(23)
    recorder.write(execs)
    ship(run, central)
    recorder.write([], [an_end(each) for each in execs[:7]])
    assert ship(run, central).startswith("shipped 0 execs and 7 later ends")
    assert central.value("SELECT count(*) FROM execdb.exec WHERE status IS NOT NULL") == 0
    assert_shipped(central, own_database)


def test_programs_that_ran_before_arrive_too(
    central: Central, run: Run, own_database: Path
) -> None:
    recorder = Recorder(own_database)
    before = some_execs(5)
    recorder.recording.know(before)
    recorder.write([an_exec(50)])
    ship(run, central)
    assert [row["id"] for row in central_events(central, "seen")] == [-5, -4, -3, -2, -1]
    recorder.write([], [an_end(before[0])])
    recorder.recording.know(some_execs(3, first=20))
    ship(run, central)
    seen = central_events(central, "seen")
    assert sorted(row["id"] for row in seen) == [*range(-8, 0)]
    assert [row["exit_code"] for row in seen if row["id"] == -5] == [1]
    assert_shipped(central, own_database)


def test_more_than_a_batch_arrives(central: Central, run: Run, own_database: Path) -> None:
    recorder = Recorder(own_database)
    for part in range(5):
        recorder.write(some_execs(1_013, first=part * 1_013))
    ship(run, central)
    assert_shipped(central, own_database)
    run_row = central.rows("SELECT shipped, unshipped, shipped_id, complete FROM execdb.run")
    assert run_row == [(5_065, 0, 5_065, False)]


def test_large_arguments_arrive_in_several_batches(
    central: Central, run: Run, own_database: Path
) -> None:
    recorder = Recorder(own_database)
    execs = [an_exec(n, argv=("x", f"{n}" * 200_000)) for n in range(13)]
    recorder.write(execs)
    ship(run, central)
    assert_shipped(central, own_database)


def test_the_ledger_arrives(central: Central, run: Run, own_database: Path) -> None:
    recorder = Recorder(own_database)
    recorder.write(some_execs(3), losses=[Loss(1, "ring full", START_NS, START_NS + 5, 7)], lost=7)
    ship(run, central, "--group", "web")
    recorder.write([], losses=[Loss(1, "ring full", START_NS, START_NS + 9, 11)], lost=4)
    recorder.write([], losses=[Loss(2, "no space", START_NS, START_NS + 9, 2)], lost=2)
    recorder.finish()
    ship(run, central, "--group", "web")
    assert central.rows("SELECT cause, to_ns, lost FROM execdb.losses ORDER BY cause DESC") == [
        ("ring full", START_NS + 9, 11),
        ("no space", START_NS + 9, 2),
    ]
    sql = "SELECT host, seen, stored, lost, ended, host_group, complete FROM execdb.runs"
    assert central.rows(sql) == [("workshop", 16, 3, 13, "clean", "web", True)]


def test_marks_and_the_log_of_the_config_arrive_once(
    central: Central, run: Run, own_database: Path
) -> None:
    recorder = Recorder(own_database)
    add_mark(recorder.database, Mark(START_NS, 0, "deploy"))
    ConfigTable(recorder.database).set(501, "Hi user 501!")
    recorder.write([an_exec()])
    ship(run, central)
    add_mark(recorder.database, Mark(START_NS + 5, 0, "roll back"))
    ship(run, central)
    texts = central.rows("SELECT host, text FROM execdb.marks ORDER BY time_ns")
    assert texts == [("workshop", "deploy"), ("workshop", "roll back")]
    log = central.rows("SELECT subject, after FROM execdb.config_log")
    assert log == [("uid 501", "Hi user 501!")]


def test_secrets_are_hidden_before_they_leave(
    central: Central, run: Run, own_database: Path
) -> None:
    recorder = Recorder(own_database)
    recorder.write([an_exec(argv=("curl", "--password", "hunter2"))])
    ship(run, central, "--redact")
    (row,) = central_events(central)
    assert row["argv"] == ["curl", "--password", "[redacted]"]


def test_what_was_imported_stays(central: Central, run: Run, own_database: Path) -> None:
    from tests.trace import hello_build

    lines = own_database.with_name("lines")
    lines.write_text(hello_build())
    assert run("import", lines).code == 0
    assert ship(run, central).startswith("shipped 0 execs")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--to", "execdb.db"],
        ["--to", "mysql://h/d"],
        [],
        ["--to", "postgresql://h/d", "--settle", "soon"],
        ["--to", "postgresql://h/d", "--group", ""],
        ["--to", "postgresql://h/d", "--db", "postgresql://h/d"],
    ],
)
def test_wrong_usage_is_one_line(db: Path, run: Run, arguments: list[str]) -> None:
    code, out, err = run("ship", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_a_missing_file_is_one_line(run: Run, own_database: Path) -> None:
    code, out, err = run("ship", "--to", "postgresql://127.0.0.1:1/d", "--once")
    assert (code, out, err.count("\n")) == (1, "", 1)
