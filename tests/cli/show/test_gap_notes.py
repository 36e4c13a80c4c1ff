"""What query, replay, coverage and status say of what is missing."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from execdb.store.account import Account, Loss
from execdb.store.file.collector_lock import CollectorLock
from execdb.store.file.database import Database, open_database
from execdb.store.importing.importer import import_lines
from execdb.store.limits.bounds import Bounds
from execdb.store.limits.retention import Retention
from execdb.store.reading.ordered import Ordered
from execdb.store.times import local_time, rfc3339
from execdb.store.writing.recording import Recording
from tests.conftest import MACHINE, START_NS, Answer, an_event, an_exec, counts
from tests.store.importing.exports import lines_of

Run = Callable[..., Answer]
MS, SECOND = 1_000_000, 1_000_000_000


def a_run(
    database: Database, first: int, last: int, *, ended: bool = True, losses: tuple[Loss, ...] = ()
) -> None:
    """Records from the exec `first` to `last`, which are milliseconds, and a little beyond."""
    recording = Recording(database, MACHINE, "0", START_NS + first * MS)
    end_ns = START_NS + last * MS + 500
    lost = sum(loss.lost for loss in losses)
    execs = [an_exec(n) for n in range(first, last + 1)]
    account = Account(START_NS + first * MS, end_ns, losses)
    recording.write(execs, [], counts(len(execs), lost), account)
    if ended:
        recording.finish(end_ns, counts(len(execs), lost))


@pytest.fixture
def holes(db: Path) -> Path:
    """Three runs: 7 execs and a crash, 11 execs with 5 lost, 3 execs."""
    losses = (Loss(1, "ring full", START_NS + 503 * MS, START_NS + 505 * MS, 5),)
    with open_database(db) as database:
        a_run(database, 0, 6, ended=False)
        a_run(database, 500, 510, losses=losses)
        a_run(database, 1_000, 1_002)
    return db


CRASH = (
    f"note: nothing was recorded from {local_time(START_NS + 6 * MS)} to "
    f"{local_time(START_NS + 500 * MS)} (the collector had crashed)\n"
)
STOPPED = (
    f"note: nothing was recorded from {local_time(START_NS + 510 * MS)} to "
    f"{local_time(START_NS + 1_000 * MS)} (no collector was running)\n"
)
LOST = (
    f"note: 5 execs were lost from {local_time(START_NS + 503 * MS)} to "
    f"{local_time(START_NS + 505 * MS)} (ring full)\n"
)


def at(ms: int) -> str:
    return rfc3339(START_NS + ms * MS)


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


def test_coverage_is_the_timeline(run: Run, holes: Path) -> None:
    text = run("coverage").out.splitlines()
    assert [line[64:].split()[0] for line in text[1:-1]] == [
        "recorded", "blind", "recorded", "lossy", "recorded", "blind", "recorded", "blind"
    ]  # fmt: skip
    assert text[2].endswith("blind     the collector had crashed")
    assert text[4].endswith("lossy     2 execs, 5 lost (ring full)")
    assert text[-1].endswith("; 21 execs, 5 lost")
    found = json.loads(run("coverage", "--format", "json", "--until", at(600)).out)
    assert [each["why"] for each in found if each["kind"] == "blind"] == ["crash", "no collector"]
    assert found[0] == {
        "kind": "recorded",
        "why": None,
        "from_ns": START_NS,
        "from_time": rfc3339(START_NS),
        "to_ns": START_NS + 6 * MS + 500,
        "to_time": rfc3339(START_NS + 6 * MS + 500),
        "duration_ns": 6 * MS + 500,
        "run_id": 1,
        "events": 7,
        "lost": {},
        "pruned": 0,
        "trimmed": [],
    }
    assert found[3]["lost"] == {"ring full": 5}
    assert found[-1]["to_ns"] == START_NS + 600 * MS


def test_coverage_of_nothing(run: Run, db: Path) -> None:
    assert run("coverage").out == "no collector has recorded to this database\n"
    assert run("coverage", "--format", "json").out == "[]\n"


def test_a_file_that_no_collector_wrote_to_lacks_all(run: Run, db: Path) -> None:
    run("config", "set", "0", "Hey root!")
    answer = run("query", "--strict", "--since", at(0))
    assert answer.err.endswith("(before the first run)\n")
    assert answer.code == 3


@pytest.mark.parametrize(
    "command", [("query",), ("query", "--count"), ("replay", "--speed", "0"), ("coverage",)]
)
def test_a_file_that_holds_nothing_is_not_complete(
    run: Run, db: Path, command: tuple[str, ...]
) -> None:
    assert run(*command, "--strict").code == 3
    if command != ("coverage",):
        assert run(*command).err.startswith("note: nothing has been recorded to this file\n")


@pytest.mark.parametrize("limit", ["--since=2199-01-01", "--until=1999-01-01"])
def test_coverage_of_no_time(run: Run, holes: Path, limit: str) -> None:
    assert (
        run("coverage", limit).out
        == "nothing can be said about that time: it is empty, or in the future\n"
    )


def test_status_has_the_causes(run: Run, holes: Path) -> None:
    text = run("status").out
    assert f"lost       5: ring full, {at(503)} to {at(505)}\n" in text
    (loss,) = json.loads(run("status", "--format", "json").out)["losses"]
    assert loss == {
        "cause": "ring full",
        "lost": 5,
        "from_ns": START_NS + 503 * MS,
        "to_ns": START_NS + 505 * MS,
    }


def test_a_ledger_of_wrong_types_is_one_line(run: Run, holes: Path) -> None:
    with open_database(holes) as database, database.writing() as connection:
        connection.execute("UPDATE loss SET from_ns = 'x'")
    for command in ("coverage", "query", "replay", "status"):
        answer = run(command)
        assert (answer.code, answer.out, answer.err.count("\n")) == (1, "", 1)
        assert "is inconsistent" in answer.err
