"""tree: what large and deep histories look like, and what they take."""

from time import process_time

from execdb.cli.commands.tree import _DEPTH, draw
from tests.conftest import an_event


def test_a_chain_is_drawn_in_lines_of_bounded_length() -> None:
    lines = {}
    taken = {}
    for size in (5_003, 20_012):
        events = [an_event(n, id=n + 1, parent_id=n or None) for n in range(size)]
        started_s = process_time()
        lines[size] = list(draw(events, size))
        taken[size] = process_time() - started_s
    assert max(map(len, lines[20_012])) < 3 * _DEPTH + 200
    assert lines[20_012][1].startswith("└─ 1001 ")
    assert lines[20_012][_DEPTH + 7].startswith("…  ")
    assert lines[20_012][-1].endswith("[id 20012] <--")
    assert taken[20_012] < 9 * taken[5_003], taken


def test_a_process_with_many_children_is_drawn_in_one_pass() -> None:
    taken = {}
    for size in (5_003, 20_012):
        events = [an_event(n, id=n + 1, parent_id=1 if n else None) for n in range(size)]
        started_s = process_time()
        assert len(list(draw(events, 1))) == size
        taken[size] = process_time() - started_s
    assert taken[20_012] < 9 * taken[5_003], taken
