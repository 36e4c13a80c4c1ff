"""replay --live: what is refused, and what a dry run says. tests/kernel/replayed runs it."""

from array import array
from pathlib import Path

import pytest

from execdb.cli.commands.history.live_replay import lateness
from execdb.livereplay.result import Result
from execdb.store.file.database import open_database
from tests.cli.conftest import Run, refused
from tests.conftest import an_exec, counts, recorded, some_creds


def test_a_dry_run_says_what_would_start(run: Run, filled: Path) -> None:
    answer = run("replay", "--live", "--dry-run")
    assert answer.code == 0
    banner, exact = answer.out.splitlines()
    assert banner.startswith("live replay: would be: 23 execs as harmless stubs")
    assert "1 paths, at most " in banner
    assert banner.endswith("every recorder on this machine sees them, below a program named "
                           "execdb-replay")  # fmt: skip
    assert exact == "all of it exact"


def test_terms_choose_what_would_start(run: Run, filled: Path) -> None:
    assert "would be: 3 execs" in run("replay", "--live", "--dry-run", "argv=2?").out


def test_what_cannot_be_reproduced_is_counted(run: Run, db: Path) -> None:
    creds = some_creds(tty="pts/0", loginuid=1000)
    with open_database(db) as database:
        recording = recorded(database, [an_exec(n, creds=creds) for n in range(5)])
        recording.finish(an_exec(5).time_ns, counts(5))
    assert (
        "not exact: 5 x tty, 5 x loginuid and session" in run("replay", "--live", "--dry-run").out
    )


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--speed", 0), 2, ("--speed 0", "--rate")),
        (("--loop",), 2, ("--live goes without --loop",)),
        (("--format", "ndjson"), 2, ("--live goes without",)),
        (("--max-processes", 1), 1, ("refused", "more than 1", "--max-processes")),
        (("argv=nothing",), 1, ("no execs to replay",)),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_line(
    run: Run, filled: Path, options: tuple[object, ...], code: int, words: tuple[str, ...]
) -> None:
    refused(run("replay", "--live", "--dry-run", *options), code, *words)


def test_options_of_a_live_replay_go_with_it_alone(run: Run, filled: Path) -> None:
    for option in (("--rate", 5), ("--attempts",), ("--dry-run",), ("--no-ancestors",)):
        refused(run("replay", *option), 2, "go with --live only")


def test_the_median_is_never_said_to_be_more_than_the_most() -> None:
    late = lateness(Result(late_ns=array("q", [70_000, 338_000, 341_000])))
    assert late == ", late by 0.34 ms in the median, 0.34 ms at most"
    assert lateness(Result()) == ""
