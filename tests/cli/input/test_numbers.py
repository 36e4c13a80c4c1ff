"""Numbers as people type them."""

from collections.abc import Callable

import pytest
import typer

from execdb.cli.input import numbers


@pytest.mark.parametrize(
    ("read", "text", "number"),
    [
        (numbers.process_id, "4294967295", 2**32 - 1),
        (numbers.event_id, "-9223372036854775808", -(2**63)),
        (numbers.event_id, "+23", 23),
        (numbers.event_count, "0", 0),
        (numbers.ring_pages, "65536", 65_536),
        (numbers.ring_pages, "1", 1),
        (numbers.seconds, "1.5", 1.5),
        (numbers.seconds, ".5", 0.5),
        (numbers.factor, "1E-300", 1e-300),
        (numbers.percent, "99", 99.0),
    ],
)
def test_a_number_is_read(read: Callable[[str], float], text: str, number: float) -> None:
    assert read(text) == number


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (numbers.process_id, "-1"),
        (numbers.process_id, "4294967296"),
        (numbers.event_id, "9223372036854775808"),
        (numbers.event_count, "-1"),
        (numbers.event_count, "ten"),
        (numbers.event_count, "1_0"),
        (numbers.event_count, "٣"),
        (numbers.event_count, "9" * 5_003),
        (numbers.ring_pages, "0"),
        (numbers.ring_pages, "23"),
        (numbers.ring_pages, "131072"),
        (numbers.seconds, "nan"),
        (numbers.seconds, "inf"),
        (numbers.seconds, "1e400"),
        (numbers.seconds, "."),
        (numbers.seconds, ""),
        (numbers.factor, "-1"),
        (numbers.percent, "99.5"),
    ],
)
def test_what_is_no_such_number_is_refused(read: Callable[[str], float], text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not "):
        read(text)
