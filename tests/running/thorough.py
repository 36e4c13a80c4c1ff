"""Which cases of many `make test` tries; the others are for `make test-all`."""

from collections.abc import Iterable
from typing import Any

import pytest


def first(count: int, cases: Iterable[Any]) -> list[Any]:
    """For `parametrize`: all cases, a tuple for several arguments; those after the first ones are
    thorough."""
    thorough = pytest.mark.thorough
    return [
        case
        if number < count
        else pytest.param(*case, marks=thorough)
        if isinstance(case, tuple)
        else pytest.param(case, marks=thorough)
        for number, case in enumerate(cases)
    ]
