"""Sizes for people can be read back as sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.cli.input.sizes import parse_size
from execdb.cli.show.sizes import size


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (7_991_296, "8.0 MB"),
        (999_949_999, "999.9 MB"),
        (999_950_000, "1.0 GB"),
        (12 * 10**15, "12000.0 TB"),
    ],
)
def test_a_size_has_a_unit(size_bytes: int, text: str) -> None:
    assert size(size_bytes) == text


@given(st.integers(1_000, 10**16))
def test_what_is_shown_is_about_what_it_was(size_bytes: int) -> None:
    assert parse_size(size(size_bytes)) == pytest.approx(size_bytes, rel=0.06)
