"""tree: who started what; what large and deep histories look like, and what they take."""

import gc
import json
from itertools import pairwise
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from rich.cells import cell_len

from execdb.cli.drawing.tree_text import DEPTH, MORE_ABOVE, Look, draw
from execdb.store.event import End, Event
from execdb.store.fields import to_dict
from execdb.store.file.database import open_database
from execdb.store.json_text import json_of
from tests.cli.conftest import Execdb, Run, refused
from tests.conftest import Answer, an_event, an_exec, counts, recorded


def drawing_s(events: list[Event], chosen: int) -> float:
    """CPU time of one drawing: the least of three, since the machine may be busy."""
    taken = []
    gc.disable()  # it would look through what all tests before have left
    for _ in range(3):
        started_s = process_time()
        for _ in draw(events, [chosen]):
            pass
        taken.append(process_time() - started_s)
    gc.enable()
    return min(taken)


def test_a_chain_is_drawn_in_lines_of_bounded_length() -> None:
    taken = {}
    for size in (5_003, 20_012):
        events = [an_event(n, id=n + 1, parent_id=n or None) for n in range(size)]
        taken[size] = drawing_s(events, size)
    lines = list(draw(events, [size]))
    assert len(lines) == 20_012
    assert max(map(len, lines)) < 3 * DEPTH + 200
    assert lines[1].startswith("└─ 1001 ")
    assert lines[DEPTH + 7].startswith("…  ")
    assert lines[-1].endswith("[id 20012] <--")
    assert taken[20_012] < 9 * taken[5_003], taken


def test_a_process_with_many_children_is_drawn_in_one_pass() -> None:
    taken = {}
    for size in (5_003, 20_012):
        events = [an_event(n, id=n + 1, parent_id=1 if n else None) for n in range(size)]
        taken[size] = drawing_s(events, 1)
        assert len(list(draw(events, [1]))) == size
    assert taken[20_012] < 9 * taken[5_003], taken


def test_a_tree_shows_who_started_what(run: Run, db: Path) -> None:
    shell = an_exec(0, pid=23, argv=("sh",))
    child = an_exec(1, pid=29, argv=("child", "a b"), parent=(shell.boot_ns, 23))
    with open_database(db) as database:
        recorded(database, [shell, child, an_exec(2, pid=31, argv=("other",))])
    assert [run("tree", pid).code for pid in (23, 29, 31)] == [0, 0, 0]
    assert "child 'a b'" in run("tree", 23).out
    assert "other" not in run("tree", 23).out
    refused(run("tree", 1_009), 1, "1009")


def test_a_tree_of_events_that_claim_to_be_their_own_parents_ends(
    execdb: Execdb, db: Path, tmp_path: Path
) -> None:
    events = [an_event(n, id=n, pid=n, parent_id=parent) for n, parent in ((1, 1), (2, 3), (3, 2))]
    file = tmp_path / "circle.ndjson"
    file.write_text("".join(json_of(to_dict(event)) + "\n" for event in events))
    assert execdb("import", file).returncode == 0
    for arguments in (["tree", 1], ["query", "--descendants-of", 2]):
        done = execdb(*arguments, timeout=20)
        assert done.returncode in (0, 1)
        assert "Traceback" not in done.stderr


def family(db: Path) -> None:
    """make (1) starts sh (2), which starts gcc (3) and, killed, cc1 (4); ls (5) is alone."""
    make = an_exec(0, pid=23, argv=("make",), comm="make")
    shell = an_exec(1, pid=29, argv=("sh",), comm="sh", parent=(make.boot_ns, 23))
    below = [
        an_exec(2, pid=31, argv=("gcc", "x" * 997), comm="gcc", parent=(shell.boot_ns, 29)),
        an_exec(3, pid=37, argv=("cc1",), comm="cc1", parent=(shell.boot_ns, 29)),
    ]
    with open_database(db) as database:
        recording = recorded(database, [make, shell, *below, an_exec(4, comm="ls", argv=("ls",))])
        took = [(make, 20_000, 0), (shell, 19_000, 0), (below[0], 3, 1 << 8), (below[1], 4_000, 9)]
        ends = [End(e.boot_ns + ms * 1_000_000, (e.boot_ns, e.pid), how) for e, ms, how in took]
        recording.write([], ends, counts(5))
        recording.finish(an_exec(5).time_ns, counts(5))


def ids(answer: Answer) -> list[str]:
    """The ids in the lines of a tree, with what follows them."""
    return [line.partition("[id ")[2] for line in answer.out.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "drawn"),
    [
        (["29"], ["1]", "2] <--", "3]", "4]"]),
        (["29", "--up"], ["1]", "2] <--"]),
        (["29", "--down"], ["2] <--", "3]", "4]"]),
        (["--id", "1", "--depth", "1"], ["1] <--", "2]"]),
        (["--id", "1", "--depth", "0"], ["1] <--"]),
        (["--id", "1", "--limit", "2"], ["1] <--", "2]"]),
        (["--id", "3", "--limit", "2"], ["2] ^ more above", "3] <--"]),
        (["comm=gcc"], ["1]", "2]", "3] <--"]),
        (["comm=sh", "--down"], ["2] <--", "3]", "4]"]),
        (["comm=sh", "--down", "--up"], ["1]", "2] <--", "3]", "4]"]),
        (["--failed"], ["1]", "2]", "3] <--", "4] <--"]),
        (["--failed", "--limit", "1"], ["1]", "2]", "4] <--"]),
        (["29", "signal=KILL"], ["1]", "2]", "4] <--"]),
        ([], ["1]", "2]", "3]", "4]", "5]"]),
        (["--depth", "1"], ["1]", "2]", "5]"]),
        (["--limit", "2"], ["1]", "2]", "4]", "5]"]),
    ],
    ids=str,
)
def test_what_is_asked_for_is_shown_with_what_belongs_to_it(
    run: Run, db: Path, arguments: list[str], drawn: list[str]
) -> None:
    family(db)
    answer = run("tree", *arguments)
    assert (answer.code, ids(answer)) == (0, drawn)
    more = "programs, not all: --limit 0 shows all"
    assert (more in answer.err) == ("--limit" in arguments)
    found = json.loads(run("tree", *arguments, "--format", "json").out)
    assert sorted(each["id"] for each in flat(found)) == sorted(int(i[0]) for i in drawn)
    marked = [f"{each['id']}" for each in flat(found) if each["chosen"]]
    assert sorted(marked) == [i[0] for i in drawn if i.endswith("<--")]


def flat(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for node in nodes for each in (node, *flat(node["children"]))]


def test_a_line_says_how_it_ended_and_how_long_it_took(run: Run, db: Path) -> None:
    family(db)
    lines = run("tree", "--wide").out.splitlines()
    assert [line.split(": ")[0].split(" ", 5)[-1] for line in lines[:2]] == ["20.0s", "19.0s"]
    assert "exit 1, 3ms: gcc xxx" in lines[2]
    assert "SIGKILL, 4.0s: cc1 [id 4]" in lines[3]
    assert "no end: ls [id 5]" in lines[4]
    coloured = list(draw([an_event(0, ended="exit", exit_code=7)], look=Look(80, colour=True)))
    assert "\x1b[31mexit 7, 0us\x1b[0m: " in coloured[0]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_lines_are_cut_to_the_width(
    run: Run, db: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    family(db)
    monkeypatch.setenv("COLUMNS", str(width))
    lines = run("tree", "comm=gcc").out.splitlines()
    assert max(map(len, lines)) == width
    assert lines[-1].endswith("x… [id 3] <--")
    assert max(map(len, run("tree", "--wide").out.splitlines())) > 997


@pytest.mark.parametrize("width", [60, 71, 80, 100, 200])
def test_a_long_chain_of_failures_is_as_narrow_as_the_terminal(width: int) -> None:
    ill = {"ended": "exit", "exit_code": 1, "duration_ns": 17_000_000, "argv": ("漢字" * 40,)}
    chain = [
        an_event(n, id=n, parent_id=n - 1 or None, pid=1_000_000 + n, **ill) for n in range(1, 44)
    ]
    lines = list(draw(chain, {43}, look=Look(width)))
    assert max(map(cell_len, lines)) <= width
    for event, line in zip(chain, lines, strict=True):
        assert f"{event.pid} " in line
        assert ": 漢" in line or ": '漢" in line
        assert f"[id {event.id}]" in line


def test_the_nearest_are_shown_of_a_long_chain(run: Run, db: Path) -> None:
    chain = [an_exec(n, pid=23) for n in range(1_009)]
    chain[1:] = [
        image._replace(parent=(before.boot_ns, 23), replaces=True)
        for before, image in pairwise(chain)
    ]
    with open_database(db) as database:
        recorded(database, chain).finish(an_exec(1_009).time_ns, counts(1_009))
    drawn = ids(run("tree", 23))
    assert (len(drawn), drawn[-1]) == (500, "1009] <--")
    assert drawn[0] == "510]" + MORE_ABOVE
    below = run("tree", "--id", 1)
    assert (ids(below)[0], len(ids(below))) == ("1] <--", 500)
    assert below.err == "500 programs, not all: --limit 0 shows all, terms and --depth choose\n"
    whole = run("tree", "--id", 1, "--limit", 0)
    assert (len(ids(whole)), whole.err) == (1_009, "")
    found = json.loads(run("tree", "--id", 1, "--limit", 0, "--format", "json").out)
    assert len(flat(found)) == 1_009
    assert len(found) == 11


def test_wrong_questions_are_refused(run: Run, db: Path) -> None:
    family(db)
    refused(run("tree", "23", "29"), 2, "one PID, not 2", "pid=23,29")
    refused(run("tree", "23", "--id", "1"), 2, "not both")
    refused(run("tree", "--id", "1", "--descendants-of", "1", "uid=0"), 2, "not both")
    refused(run("tree", "99999999999"), 2, "process id")
    refused(run("tree", "comm=none"), 1, "query")
    refused(run("tree", "comn=none"), 2, "comm")
