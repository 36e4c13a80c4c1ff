"""The lists of what runs in a guest: pytest says nothing about a name to leave out that is not
there."""

from pathlib import Path

import pytest

from tests.kernels.inside import IN, OUT

KERNEL = Path(__file__).parents[1] / "kernel"


@pytest.mark.parametrize("name", [*IN, *OUT])
def test_each_name_is_that_of_a_test(name: str) -> None:
    file, _, function = name.partition("::")
    assert f"\ndef {function}" in (KERNEL / file).read_text()
