"""What query and replay say of what is missing."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from execdb.store.account import Loss
from execdb.store.file.database import open_database
from execdb.store.file.locks.collector_lock import CollectorLock
from execdb.store.importing.importer import import_lines
from execdb.store.limits.bounds import Bounds
from execdb.store.limits.retention import Retention
from execdb.store.reading.ordered import Ordered
from execdb.store.times import local_time
from tests.cli.show.runs_with_gaps import CRASH, LOST, MS, STOPPED, a_run, at
from tests.conftest import START_NS, Answer, an_event
from tests.store.importing.exports import lines_of

Run = Callable[..., Answer]


def test_a_query_says_what_its_time_lacks(run: Run, holes: Path) -> None:
    answer = run("query")
    assert answer.out.count("\n") == 21
    assert (answer.err, answer.code) == (CRASH + STOPPED + LOST, 0)
    assert run("query", "--count").err == answer.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--since", at(1_000), "--until", at(1_002)], ""),
        (["--since", at(501), "--until", at(507)], LOST),
        (["--until", at(503)], CRASH),
        (["--limit", "3"], ""),
        (["--limit", "3", "--reverse"], ""),
        (["--limit", "5"], STOPPED),
        (["--limit", "100"], CRASH + STOPPED + LOST),
    ],
)
def test_only_what_was_asked_for_matters(
    run: Run, holes: Path, options: list[str], said: str
) -> None:
    assert run("query", *options).err == said


def test_nothing_is_said_where_nothing_is_wrong(run: Run, db: Path) -> None:
    with open_database(db) as database:
        a_run(database, 0, 22)
    assert run("query", "--strict").code == 0
    assert run("query").err == ""
    assert run("coverage", "--strict", "--until", at(10)).code == 0


def test_a_time_before_the_first_run_or_after_the_last_is_blind(run: Run, db: Path) -> None:
    with open_database(db) as database:
        a_run(database, 0, 22)
    assert "(before the first run)" in run("query", "--since", at(-7), "--until", at(3)).err
    answer = run("query", "--until", at(-7), "--strict")
    until = local_time(START_NS - 7 * MS)
    assert answer.err == f"note: nothing was recorded before {until} (before the first run)\n"
    assert answer.code == 3
    assert run("query", "--until", "@0", "--strict").code == 3
    assert run("coverage", "--until", at(-7), "--strict").code == 3
    assert run("new", "--until", at(-7), "--strict").code == 3
    answer = run("query", "--since", at(7))
    assert answer.err.count("\n") == 1
    assert "(no collector was running)" in answer.err
    future = run("query", "--since", at(7), "--until", "2199-01-01")
    assert "(no collector was running)" in future.err
    assert "2199" not in future.err


@pytest.mark.parametrize("command", [("query",), ("replay", "--speed", "0"), ("coverage",)])
def test_a_since_to_come_is_said(run: Run, holes: Path, command: tuple[str, ...]) -> None:
    answer = run(*command, "--since", "2199-01-01")
    assert answer.err.startswith("note: --since 2199-01-01 00:00:00.000 is in the future\n")
    assert answer.code == 0


def test_while_a_collector_runs_and_says_so_its_time_is_recorded(run: Run, db: Path) -> None:
    with open_database(db) as database:
        a_run(database, 0, 22, ended=False)
    assert "(the collector had crashed)" in run("query", "--since", at(7)).err
    with closing(CollectorLock(db)):
        assert (
            "(a collector is running, but has written nothing)"
            in run("query", "--since", at(7)).err
        )
        with open_database(db) as database, database.writing() as connection:
            connection.execute("UPDATE run SET alive_ns = ?", (time.time_ns(),))
        assert run("query", "--since", at(7)).err == ""


def test_imported_events_make_no_gaps(run: Run, db: Path) -> None:
    with open_database(db) as database:
        import_lines(database, lines_of([an_event(n) for n in (0, 3)]))
    assert run("query", "--since", at(-7)).err == ""
    with open_database(db) as database:
        a_run(database, 5_000, 5_003)
    assert run("query").err == ""
    assert run("query", "--since", at(1), "--until", at(2)).err == ""


def test_two_events_of_another_machine_hide_no_gap(run: Run, holes: Path) -> None:
    with open_database(holes) as database:
        import_lines(database, lines_of([an_event(n, boot_id="far") for n in (7, 999)]))
    assert run("query").err == CRASH + STOPPED + LOST
    blind = run("coverage").out.splitlines()[2]
    assert blind.endswith("blind     the collector had crashed, 1 exec imported from elsewhere")


def test_the_time_behind_a_crash_is_a_gap_without_limits_too(run: Run, db: Path) -> None:
    with open_database(db) as database:
        a_run(database, 0, 22)
        a_run(database, 30, 37, ended=False)
    for command in (["query"], ["query", "--count"], ["replay", "--speed", "0"]):
        answer = run(*command, "--strict")
        assert answer.code == 3
        assert answer.err.count("(the collector had crashed)") == 1
    with open_database(db) as database:
        a_run(database, 100, 103)
    assert "(the collector had crashed)" in run("query", "--strict").err
    assert run("query", "--since", at(100), "--until", at(103), "--strict").code == 0


def test_losses_within_a_pruned_time_do_not_multiply_it(run: Run, db: Path) -> None:
    losses = tuple(Loss(n, "ring full", *[START_NS + n * 3 * MS] * 2, 1) for n in range(1, 5))
    with open_database(db) as database:
        a_run(database, 0, 22, losses=losses)
        with database.writing() as connection:
            connection.execute("UPDATE run SET pruned = 7")
            connection.execute("DELETE FROM segment")
    assert "; 7 execs" in run("query").err.replace("note: ", "; ")


@pytest.mark.parametrize("command", [("query",), ("replay", "--speed", "0")])
def test_execs_that_go_while_they_are_read_are_missing(
    run: Run, db: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_database(db) as database:
        a_run(database, 0, 2_003)
        pages = Ordered._pages

        def slowly(self: Any, *arguments: Any) -> Iterator[list[Any]]:
            for number, page in enumerate(pages(self, *arguments)):
                yield page
                if not number:
                    retention = Retention(database, Bounds(keep_ns=0))
                    retention.step(START_NS + 1_500 * MS)

        monkeypatch.setattr(Ordered, "_pages", slowly)
        answer = run(*command, "--strict")
    assert answer.code == 3
    assert "pruned before they could be read" in answer.err


def test_strict_is_an_exit_code_after_the_output(run: Run, holes: Path) -> None:
    for command in (["query"], ["replay", "--speed", "0"], ["coverage"], ["query", "--count"]):
        strict = run(*command, "--strict")
        assert strict.code == 3
        assert strict.out == run(*command).out or command == ["coverage"]
        assert run(*command).code == 0


def test_many_gaps_are_one_line_of_each_kind(run: Run, db: Path) -> None:
    with open_database(db) as database:
        for n in range(23):
            a_run(database, n * 100, n * 100 + 3, ended=n % 2 == 0)
    notes = run("query").err.splitlines()
    assert len(notes) == 2
    assert "in 11 periods between" in notes[0]
    assert notes[0].endswith(
        "(the collector had crashed), 1.1 s in all; execdb coverage lists them"
    )


def test_replay_says_it_where_it_belongs(run: Run, holes: Path) -> None:
    answer = run("replay", "--speed", 0, "--format", "ndjson")
    assert [json.loads(line)["pid"] for line in answer.out.splitlines()][:2] == [1_000, 1_001]
    assert answer.err.startswith(CRASH + LOST + STOPPED)
    assert answer.err.count("\n") == 4
    assert "late" not in answer.err  # nothing is due at any time


@pytest.mark.parametrize(
    "command", [("query",), ("query", "--count"), ("replay", "--speed", "0"), ("coverage",)]
)
def test_a_file_that_holds_nothing_is_not_complete(
    run: Run, db: Path, command: tuple[str, ...]
) -> None:
    assert run(*command, "--strict").code == 3
    if command != ("coverage",):
        assert run(*command).err.startswith("note: nothing has been recorded to this file\n")
