"""What --argument-budget takes."""

import pytest

from execdb.cli.input.options import budget_of
from execdb.store.errors import UsageError


@pytest.mark.parametrize(
    ("text", "budget"), [("2MB", 2_000_000), ("1kB", 1_000), ("1GB", 10**9), ("none", None)]
)
def test_is_read(text: str, budget: int | None) -> None:
    assert budget_of(text) == budget


@pytest.mark.parametrize("text", ["0", "999", "1.1GB", "-1", "", "None", "all"])
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        budget_of(text)
