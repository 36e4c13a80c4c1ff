"""What is measured without a part is still the program, without that part."""

import pytest

from tests.bench.parts.variants import ALL_KEYS, KEYS, RULES, edited


@pytest.mark.parametrize("edits", [*KEYS.values(), ALL_KEYS, RULES])
def test_each_part_can_be_taken_out(edits: list[tuple[str, str]]) -> None:
    assert edited(edits) != edited(())


def test_a_part_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 times"):
        edited([("no such text", "")])
