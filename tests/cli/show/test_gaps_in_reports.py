"""What coverage and status say of what is missing, and commands of a file without a history."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from execdb.store.file.database import open_database
from execdb.store.times import rfc3339, zone_name
from tests.cli.show.runs_with_gaps import MS, at
from tests.cli.terminal import on_terminal
from tests.conftest import START_NS, Answer

Run = Callable[..., Answer]


def test_coverage_is_the_timeline(run: Run, holes: Path) -> None:
    text = run("coverage").out.splitlines()
    what = text[0].index("what")
    assert [line[what:].split()[0] for line in text[1:-1]] == [
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
        "replays": [],
    }
    assert found[3]["lost"] == {"ring full": 5}
    assert found[-1]["to_ns"] == START_NS + 600 * MS


@pytest.mark.parametrize(
    ("columns", "part"),
    [(60, slice(5, 16)), (75, slice(5, 19)), (85, slice(19)), (200, slice(23))],
)
def test_coverage_fits_the_terminal(holes: Path, columns: int, part: slice) -> None:
    look = {"NO_COLOR": "1", "TZ": "Asia/Tokyo"}
    with on_terminal("coverage", "--utc", columns=columns, **look) as shown:
        text, code = shown.end()
    lines = text.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= columns
    assert lines[0].startswith("from (UTC) ")
    assert text.count("UTC") == 1
    assert lines[1].startswith(f"{rfc3339(START_NS)[part].replace('T', ' ')}  ")
    assert "lossy     2 execs, " in text


def test_wide_coverage_is_cut_nowhere(run: Run, holes: Path) -> None:
    with on_terminal("coverage", "--wide", columns=60, NO_COLOR="1") as shown:
        text, _ = shown.end()
    now = text.splitlines()[-2]
    assert [line for line in text.splitlines()[:-2] if line != now] == (
        run("coverage").out.splitlines()[:-2]
    )
    assert f"from ({zone_name()})" in text


def test_coverage_of_nothing(run: Run, db: Path) -> None:
    assert run("coverage").out == "no collector has recorded to this database\n"
    assert run("coverage", "--format", "json").out == "[]\n"


def test_a_file_that_no_collector_wrote_to_lacks_all(run: Run, db: Path) -> None:
    run("config", "set", "0", "Hey root!")
    answer = run("query", "--strict", "--since", at(0))
    assert answer.err.endswith("(before the first run)\n")
    assert answer.code == 3


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
