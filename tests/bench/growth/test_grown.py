"""The verdict on what grows."""

from collections.abc import Sequence

import pytest

from tests.bench.growth.grown import Line, Point, merged, table


@pytest.mark.parametrize(
    ("points", "held"),
    [
        ([Point(100), Point(150), Point(290)], True),
        ([Point(100), Point(150), Point(310)], False),
        ([Point(1), Point(49)], True),  # noise
        ([Point(1), Point(51)], False),
        ([Point(100, answer=20), Point(1_900, answer=200)], True),
        ([Point(100, answer=20), Point(2_100, answer=200)], False),
        ([Point(100, answer=20), Point(190, answer=7)], True),  # a smaller answer allows no less
        ([Point(140, limit=150)], True),
        ([Point(160, limit=150)], False),
    ],
)
def test_twice_as_much_for_an_equal_part_of_the_answer(points: Sequence[Point], held: bool) -> None:
    assert Line("a question", "ms", points, noise=25).held is held


def test_a_table_has_a_column_for_each_history() -> None:
    small = [Line("a", "ms", [Point(1.26, text="7")], digits=1), Line("b", "s", [Point(1)])]
    large = [Line("a", "ms", [Point(1_000, text="8")], digits=1)]
    assert table([1_000_003, 10_000_003], merged([small, large])) == (
        "| what |            | 1 M        | 10 M           |\n"
        "| ---- | ---------- | ---------- | -------------- |\n"
        "| a    | **missed** | 1.3 ms (7) | 1,000.0 ms (8) |\n"
    )
