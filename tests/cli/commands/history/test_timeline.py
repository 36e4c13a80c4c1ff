"""timeline: bars for people at any width, and the same for programs."""

import csv
import io
import json
from pathlib import Path

import pytest

from execdb.store.file.database import open_database
from execdb.store.writing.marks import Mark, add_mark
from execdb.store.writing.recording import Recording
from tests.cli.conftest import Run, refused
from tests.cli.show.runs_with_gaps import MS, a_run
from tests.conftest import MACHINE, START_NS, an_exec, counts, recorded

EVERY = ("--every", "100ms", "--utc")


def test_gaps_are_drawn_and_named_where_they_are(
    run: Run, holes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "117")
    code, out, _ = run("timeline", *EVERY)
    lines = [line[25:] for line in out.splitlines()[1:]]
    assert code == 0
    assert lines[0].split()[:3] == ["7", "0", "/"]
    assert lines[1].startswith("/// nothing recorded for 494 ms: the collector had crashed ///")
    assert lines[2].split()[:3] == ["11", "0", "/~"]
    assert lines[3].strip() == "~ 5 execs lost within 2 ms: ring full"
    assert lines[4].startswith("/// nothing recorded for 490 ms: no collector was running ///")
    assert lines[5].split()[0] == "3"
    assert len(lines) == 6


@pytest.mark.parametrize("width", [60, 80, 117, 200])
@pytest.mark.parametrize("by", [[], ["--by", "comm"], ["--by", "argv"]])
def test_lines_fit_the_terminal(
    run: Run, holes: Path, monkeypatch: pytest.MonkeyPatch, width: int, by: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for options in (by, [*by, "--every", "3ms"]):
        out = run("timeline", *options).out
        assert width - 30 <= max(map(len, out.splitlines())) <= width
        assert "\x1b" not in out


def test_a_value_with_a_long_name_leaves_room_for_the_bar(
    run: Run, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    with open_database(db) as database:
        execs = [an_exec(n, argv=("x" * 40, str(n % 7))) for n in range(97)]
        recorded(database, execs).finish(execs[-1].time_ns, counts(97))
    header, *lines = run("timeline", "--by", "argv", "--every", "1s").out.splitlines()
    assert max(map(len, (header, *lines))) <= 60
    assert "…" in header
    assert "█" in lines[0]


def test_a_bar_ends_with_those_that_failed(run: Run, db: Path) -> None:
    with open_database(db) as database:
        recording = Recording(database, MACHINE, "0", START_NS)
        refusals = [an_exec(n, errno="ENOENT" if n > 80 else None) for n in range(97)]
        recording.write(refusals, [], counts(97))
        recording.finish(refusals[-1].time_ns, counts(97))
    (line,) = run("timeline", "--every", "1s").out.splitlines()[1:]
    bar = line.split()[-1]
    assert bar.strip("x").strip("█") == ""
    assert bar.count("x") == round(len(bar) * 16 / 97)
    assert line.split()[2:4] == ["97", "16"]


def test_values_are_counted_separately(run: Run, db: Path) -> None:
    with open_database(db) as database:
        recording = Recording(database, MACHINE, "0", START_NS)
        names = ["gcc"] * 13 + ["\x1b[2J"] * 7 + [f"rare{n}" for n in range(23)]
        execs = [an_exec(n, comm=name) for n, name in enumerate(names)]
        recording.write(execs, [], counts(len(execs)))
        recording.finish(execs[-1].time_ns, counts(len(execs)))
    whole = ("--every", "1s", "--utc")
    header, line = run("timeline", "--by", "comm", *whole).out.splitlines()
    assert header.split()[2:6] == ["execs", "failed", "gcc", "\\x1b[2J"]
    assert header.split()[-1] == "other"
    numbers = line.split()[4:-1]
    assert numbers[:2] == ["13", "7"]
    assert sum(map(int, numbers)) == 43
    (interval,) = json.loads(run("timeline", "--by", "comm", *whole, "--format", "json").out)
    assert {"comm": "\x1b[2J", "execs": 7, "failed": 0} in interval["by"]
    rows = list(
        csv.DictReader(io.StringIO(run("timeline", "--by", "comm", *whole, "--format=csv").out))
    )
    assert {row["comm"]: row["execs"] for row in rows}["gcc"] == "13"


def test_json_and_csv_have_every_interval(run: Run, holes: Path) -> None:
    found = json.loads(run("timeline", *EVERY, "--format", "json").out)
    assert [each["execs"] for each in found] == [7, 0, 0, 0, 0, 11, 0, 0, 0, 0, 3]
    assert [gap["kind"] for gap in found[5]["gaps"]] == ["lossy", "blind"]
    assert found[2]["gaps"][0]["why"] == "crash"
    rows = list(csv.DictReader(io.StringIO(run("timeline", *EVERY, "--format", "csv").out)))
    assert [int(row["execs"]) for row in rows] == [each["execs"] for each in found]
    assert rows[5]["gaps"] == "blind lossy"


def test_terms_since_and_strict(run: Run, holes: Path) -> None:
    answer = run("timeline", "pid=1500..1503", *EVERY, "--strict")
    assert answer.code == 3
    assert "the collector had crashed" in answer.err
    assert [line.split()[2] for line in answer.out.splitlines() if "███" in line] == ["4"]
    later = run("timeline", "--since", "2199-01-01")
    assert (later.code, later.out) == (0, "")
    assert later.err.endswith("there is nothing at that time\n")


def test_clocks_that_change_are_noted(run: Run, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    with open_database(db) as database:
        a_run(database, 0, 20 * 86_400 * 1_000 // 10**9)  # 2025-10-09
    out = run("timeline", "--since", "2025-10-20", "--until", "2025-11-01", "--every", "1d").out
    said = run("timeline", "--since", "2025-10-20", "--every", "1d", "--utc").out
    monkeypatch.undo()
    time.tzset()
    assert out.startswith("1d (CEST)")
    assert "* 02:00:00 the clocks went back by 60 minutes, CEST to CET" in out
    assert "clocks" not in said


def test_wrong_lengths_are_refused(run: Run, holes: Path) -> None:
    for length in ("0s", "1 hour", "-1m", "x", "10"):
        refused(run("timeline", "--every", length), 2, "--every", "10s")
    refused(run("timeline", "--every", "1ns"), 2, "give a longer --every")
    refused(run("timeline", "--by", "comn"), 2, "comn", "comm")


def test_nothing_is_said(run: Run, db: Path) -> None:
    answer = run("timeline", "--strict")
    assert (answer.code, answer.out) == (3, "")
    assert run("timeline", "--format", "json").out == "[]\n"


def test_what_rules_and_limits_kept_out_is_said_where_it_was(
    run: Run, holes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "117")
    rows = [
        ("rule", 2, None, 0, 3, 11),
        ("rule", 2, None, 4, 5, 2),
        ("limit", None, 501, 501, 9, 7),
    ]
    with open_database(holes) as database, database.writing() as connection:
        connection.executemany(
            f"INSERT INTO filtered VALUES (1, ?, ?, ?, ?, {START_NS} + ?, {START_NS} + ?, ?)",
            [(n, cause, rule, uid, at * MS, (at + ms) * MS, execs)
             for n, (cause, rule, uid, at, ms, execs) in enumerate(rows)],
        )  # fmt: skip
    lines = [line.strip() for line in run("timeline", *EVERY).out.splitlines()]
    assert lines[2] == "% 08:53:20 13 execs kept out within 9 ms by rule 2"
    assert "% 08:53:20 7 execs kept out within 9 ms by the limit of uid 501" in lines
    (first, *_) = json.loads(run("timeline", *EVERY, "--format", "json").out)
    assert first["notes"][0]["text"] == "13 execs kept out within 9 ms by rule 2"


def test_marks_and_changes_of_the_config_stand_where_they_were_made(
    run: Run, holes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "117")
    assert run("config", "set", "1000", "Hi 1000!").code == 0
    text = "deploy \x1b[31m\u202e"
    with open_database(holes) as database:
        add_mark(database, Mark(START_NS + 503 * MS, 0, text))
        add_mark(database, Mark(START_NS - 1, 0, "before"))
        with database.writing() as connection:
            connection.execute("UPDATE config_change SET time_ns = ?", (START_NS + 1_001 * MS,))
    lines = [line.strip() for line in run("timeline", *EVERY).out.splitlines()]
    mark, config = (
        next(at for at, line in enumerate(lines) if text in line)
        for text in ("* 08:53:20 mark: deploy \\x1b[31m\\u202e", "* 08:53:21 config set uid 1000")
    )
    assert lines[mark - 2].split()[2:4] == ["11", "0"]
    assert lines[config - 1].split()[2:4] == ["3", "0"]
    assert not any("before" in line for line in lines)
    found = json.loads(run("timeline", *EVERY, "--format", "json").out)
    assert [note["text"] for each in found for note in each["notes"]] == [
        f"mark: {text}", "config set uid 1000: Hi 1000!"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("limit 501 --execs 7", "config limit 501: execs=7"),
        ("default Moin", "config default: Moin"),
        ("ignore uid=33", "config ignore rule 1: ignore uid=33"),
    ],
)
def test_a_change_of_the_config_is_named_as_it_is_made(
    run: Run, holes: Path, command: str, text: str
) -> None:
    assert run("config", *command.split()).code == 0
    with open_database(holes) as database, database.writing() as connection:
        connection.execute("UPDATE config_change SET time_ns = ?", (START_NS + 1_001 * MS,))
    found = json.loads(run("timeline", *EVERY, "--format", "json").out)
    assert [note["text"] for each in found for note in each["notes"]] == [text]


def test_many_notes_are_counted(run: Run, holes: Path) -> None:
    with open_database(holes) as database, database.writing() as connection:
        marks = [(START_NS + n, 0, f"no. {n}") for n in range(1_009)]
        connection.executemany("INSERT INTO mark (time_ns, uid, text) VALUES (?, ?, ?)", marks)
    out = run("timeline", *EVERY).out
    assert out.count("mark: no.") == 20
    assert "* 989 more notes" in out
