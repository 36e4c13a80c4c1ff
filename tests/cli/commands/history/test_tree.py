"""tree: who started what; what large and deep histories look like, and what they take."""

from pathlib import Path
from time import process_time

from execdb.cli.commands.history.tree import _DEPTH, draw
from execdb.store.event import Event
from execdb.store.fields import to_dict
from execdb.store.file.database import open_database
from execdb.store.json_text import json_of
from tests.cli.conftest import Execdb, Run, refused
from tests.conftest import an_event, an_exec, recorded


def drawing_s(events: list[Event], chosen: int) -> float:
    """CPU time of one drawing: the least of three, since the machine may be busy."""
    taken = []
    for _ in range(3):
        started_s = process_time()
        for _ in draw(events, chosen):
            pass
        taken.append(process_time() - started_s)
    return min(taken)


def test_a_chain_is_drawn_in_lines_of_bounded_length() -> None:
    taken = {}
    for size in (5_003, 20_012):
        events = [an_event(n, id=n + 1, parent_id=n or None) for n in range(size)]
        taken[size] = drawing_s(events, size)
    lines = list(draw(events, size))
    assert len(lines) == 20_012
    assert max(map(len, lines)) < 3 * _DEPTH + 200
    assert lines[1].startswith("└─ 1001 ")
    assert lines[_DEPTH + 7].startswith("…  ")
    assert lines[-1].endswith("[id 20012] <--")
    assert taken[20_012] < 9 * taken[5_003], taken


def test_a_process_with_many_children_is_drawn_in_one_pass() -> None:
    taken = {}
    for size in (5_003, 20_012):
        events = [an_event(n, id=n + 1, parent_id=1 if n else None) for n in range(size)]
        taken[size] = drawing_s(events, 1)
        assert len(list(draw(events, 1))) == size
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
