"""Recorded text: a str that carries any bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.store.event import raw_of, text_of


@given(st.binary())
def test_text_carries_any_bytes(raw: bytes) -> None:
    assert raw_of(text_of(raw)) == raw


def test_text_that_no_bytes_decode_to_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        raw_of("\ud800")
