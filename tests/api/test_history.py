"""`execdb.open`: what scripts and notebooks rely on."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import execdb
from execdb.store.file.database import Database
from execdb.store.writing.marks import Mark, add_mark
from tests.conftest import START_NS, Answer, an_exec, recorded
from tests.trace import hello_build

MS = 1_000_000


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the recorded build of GNU hello."""
    from execdb.cli.main import run

    folder = tmp_path_factory.mktemp("build")
    (folder / "build.ndjson").write_text(hello_build())
    path = folder / "execdb.db"
    assert run(["--db", str(path), "import", str(folder / "build.ndjson")]) == 0
    return path


def asked(run: Callable[..., Answer], path: Path, *options: object) -> list[dict[str, Any]]:
    """What `execdb query` answers."""
    answer = run("--db", path, "query", "--format", "ndjson", *options)
    assert answer.code == 0
    return [json.loads(line) for line in answer.out.splitlines()]


def keys_of(path: Path, view: str) -> list[str]:
    connection = sqlite3.connect(path)
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({view})")]
    connection.close()
    return names


def as_dict(event: execdb.Event) -> dict[str, Any]:
    return {**event._asdict(), "time": event.time, "argv": list(event.argv)}


def test_events_have_the_keys_of_the_view(build: Path) -> None:
    with execdb.open(build) as history:
        event = next(history.events())
    for key in keys_of(build, "execs"):
        assert hasattr(event, key)
    assert {*event._fields, "time"} == {*keys_of(build, "execs")}


SAME_QUESTIONS: list[tuple[dict[str, Any], list[object]]] = [
    ({}, []),
    ({"limit": 23}, ["--limit", 23]),
    ({"limit": 23, "reverse": True}, ["--limit", 23, "--reverse"]),
    ({"reverse": True}, ["--reverse"]),
    ({"comm": "gcc"}, ["--comm", "gcc"]),
    ({"comm": "c*"}, ["--comm", "c*"]),
    ({"path": "/usr/bin/*"}, ["--path", "/usr/bin/*"]),
    ({"arg": "-o"}, ["--arg", "-o"]),
    ({"uid": 0}, ["--uid", 0]),
    ({"uid": "root"}, ["--uid", "root"]),
    ({"uid": 1}, ["--uid", 1]),
    ({"failed": True}, ["--failed"]),
    ({"failed": False, "comm": "sed"}, ["--succeeded", "--comm", "sed"]),
    (
        {"comm": ["gcc", "c*"], "uid": ["root", 1]},
        ["--comm", "gcc", "--comm", "c*", "--uid", 0, "--uid", 1],
    ),
    ({"host": "b*"}, ["--host", "b*"]),
    ({"running": True}, ["--running"]),
    ({"running": False}, []),
    ({"descendants_of": 7}, ["--descendants-of", 7]),
    ({"descendants_of": [7, 2]}, ["--descendants-of", 7, "--descendants-of", 2]),
    ({"message": "Hello World"}, ["--message", "Hello World"]),
    ({"comm": None, "since": None, "pid": None}, []),
]


@pytest.mark.parametrize(("filters", "options"), SAME_QUESTIONS, ids=str)
def test_filters_are_those_of_query(
    filters: dict[str, Any], options: list[object], build: Path, run: Callable[..., Answer]
) -> None:
    expected = asked(run, build, *options)
    with execdb.open(build) as history:
        assert [as_dict(event) for event in history.events(**filters)] == expected
        if "limit" not in filters:
            assert history.count(**{k: v for k, v in filters.items() if k != "reverse"}) == len(
                expected
            )


def test_terms_choose_events_as_well(build: Path) -> None:
    with execdb.open(build) as history:
        assert {event.comm for event in history.events("comm=cc1,as", limit=2)} <= {"cc1", "as"}
        with pytest.raises(execdb.UsageError, match="did you mean comm"):
            history.count("com=cc1")


def test_a_mark_is_a_time(database: Database, db: Path) -> None:
    recorded(database, [an_exec(n) for n in range(7)])
    recorded(database, [an_exec(n) for n in range(11, 13)])
    with execdb.open(db) as history:
        times_ns = [event.time_ns for event in history.events()]
        add_mark(database, Mark(times_ns[4], None, "deployed"))
        assert [e.time_ns for e in history.events(since="mark:deployed")] == times_ns[4:]
        assert history.count(until="mark:deployed") == 4
        assert history.coverage(since="mark:deployed")[0].from_ns == times_ns[4]
        with pytest.raises(execdb.ExecdbError, match="did you mean 'deployed'"):
            history.events(since="mark:deploied")


def test_there_is_a_question_for_each_filter() -> None:
    used = {key for filters, _ in SAME_QUESTIONS for key in filters} - {"limit", "reverse"}
    assert used | {"ppid", "loginuid", "cgroup", "until"} == {*execdb.Filters.__annotations__}


@pytest.mark.parametrize(
    "filters",
    [
        {"uid": "nobody-has-this-name"},
        {"uid": -1},
        {"uid": []},
        {"uid": [0, -1]},
        {"uid": 2**32 - 1},
        {"pid": 2**70},
        {"comm": "\ud800"},
        {"since": "whenever"},
        {"since": 2**63},
        {"since": "1h", "until": "2h"},
        {"running": True, "failed": True},
        {"limit": -1},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(filters: dict[str, Any], db: Path) -> None:
    with execdb.open(db) as history, pytest.raises(execdb.UsageError):
        history.events(**filters)


@pytest.mark.parametrize("filters", [{"colour": "red"}, {"comm": 7}, {"pid": "7"}, {"since": 1.5}])
def test_a_wrong_type_is_an_error_of_the_program(filters: dict[str, Any], db: Path) -> None:
    with execdb.open(db) as history, pytest.raises(TypeError):
        history.events(**filters)


def test_runs_are_the_rows_of_the_view(database: Database, db: Path) -> None:
    recorded(database, [an_exec(n) for n in range(7)])
    recorded(database, [an_exec(n) for n in range(11, 13)])
    with execdb.open(db) as history:
        first, second = history.runs()
    assert list(execdb.Run._fields) == keys_of(db, "runs")
    assert (first.run_id, first.stored, first.ended) == (1, 7, "crashed")
    assert (second.run_id, second.seen, second.host) == (2, 2, "workshop")


def test_coverage_says_what_the_command_says(
    database: Database, db: Path, run: Callable[..., Answer]
) -> None:
    recorded(database, [an_exec(n) for n in range(7)])
    since = START_NS - 1_000 * MS
    until = START_NS + 1_000 * MS
    with execdb.open(db) as history:
        before, during, after = history.coverage(since=since, until=until)
    answer = run(
        "coverage", "--format", "json",
        *("--since", "2025-10-09T08:53:19Z", "--until", "2025-10-09T08:53:21Z"),
    )  # fmt: skip
    for told, period in zip(json.loads(answer.out), (before, during, after), strict=True):
        for key in told.keys() - {"trimmed", "replays"}:
            assert getattr(period, key) == told[key], key
    assert (before.kind, before.why, before.complete) == ("blind", "before the first run", False)
    assert (during.kind, during.why, during.complete) == ("recorded", None, True)
    assert (after.kind, after.why, after.to_ns) == ("blind", "crash", until)
    assert before.events + during.events + after.events == 7


def test_a_file_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    for path in (tmp_path / "execdb.db", tmp_path / "folder" / "execdb.db"):
        with pytest.raises(execdb.DatabaseError):
            execdb.open(path)
    assert list(tmp_path.iterdir()) == []


def test_a_hostile_file_is_refused_as_by_the_command(db: Path, run: Callable[..., Answer]) -> None:
    connection = sqlite3.connect(db)
    connection.execute("CREATE TRIGGER mine AFTER INSERT ON image BEGIN SELECT 1; END")
    connection.commit()
    connection.close()
    with pytest.raises(execdb.DatabaseError) as refused:
        execdb.open(db)
    answer = run("query")
    assert answer == (1, "", f"execdb: {refused.value}\n")


def test_reading_changes_no_file_and_leaves_none(build: Path) -> None:
    before = {path: path.read_bytes() for path in build.parent.iterdir()}
    with execdb.open(str(build)) as history:
        assert len(list(history.events())) == history.count()
        history.runs()
        history.coverage()
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            history._database.connection.execute("DELETE FROM image")
    assert {path: path.read_bytes() for path in build.parent.iterdir()} == before


def test_an_iterator_holds_no_transaction(database: Database, db: Path) -> None:
    """While a script thinks, the WAL can be copied into the file and emptied."""
    recorded(database, [an_exec(n) for n in range(2_003)])
    with execdb.open(db) as history:
        events = history.events()
        assert [next(events).pid for _ in range(3)] == [1_000, 1_001, 1_002]
        assert database.checkpoint()
        assert len(list(events)) == 2_000


def test_a_closed_history_says_so(build: Path) -> None:
    history = execdb.open(build)
    events = history.events()
    next(events)
    history.close()
    history.close()
    with pytest.raises(execdb.DatabaseError, match="was closed"):
        history.count()
    with pytest.raises(execdb.DatabaseError, match="was closed"):
        list(events)
