"""Which cases of many `make test` tries; the others are for `make test-all`."""

from collections.abc import Iterable
from typing import Any

import pytest


def first(count: int, cases: Iterable[Any]) -> list[Any]:
    """For `parametrize` with one argument: all cases, those after the first ones as thorough."""
    thorough = pytest.mark.thorough
    return [
        case if number < count else pytest.param(case, marks=thorough)
        for number, case in enumerate(cases)
    ]
