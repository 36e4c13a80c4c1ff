"""An event's forms: text that carries any bytes, JSON that harms no terminal, times."""

import json
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.store.event import Event, json_of, raw_of, rfc3339, text_of, to_dict
from tests.conftest import an_event

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@given(st.binary())
def test_text_carries_any_bytes(raw: bytes) -> None:
    assert raw_of(text_of(raw)) == raw


def test_text_that_no_bytes_decode_to_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        raw_of("\ud800")


@given(st.binary().map(text_of))
def test_json_says_the_same_and_is_harmless(text: str) -> None:
    written = json_of([text])
    assert json.loads(written) == [text]
    assert written.encode()  # valid UTF-8
    assert not any(unicodedata.category(char) == "Cc" or char in BIDI for char in written)


@pytest.mark.parametrize("char", ["\x1b", "\x7f", "\x9b", "\u2028", "\u202e", "\udcff", "\n"])
def test_json_escapes_what_a_terminal_would_act_on(char: str) -> None:
    written = json_of("é" + char)
    assert char not in written
    assert json.loads(written) == "é" + char


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (7, "1970-01-01T00:00:00.000000007Z"),
        (1_709_210_096_123_456_789, "2024-02-29T12:34:56.123456789Z"),
        (253_402_300_799_999_999_999, "9999-12-31T23:59:59.999999999Z"),
    ],
)
def test_times_are_rfc_3339(time_ns: int, text: str) -> None:
    assert rfc3339(time_ns) == text


def test_a_time_past_the_calendar_is_still_text() -> None:
    assert rfc3339(400_000_000_000_000_000_000).endswith(".000000000Z")


def test_the_public_names_are_the_fields_and_the_time() -> None:
    values = to_dict(an_event(time_ns=7))
    assert list(values) == ["id", "run_id", "time_ns", "time", *Event._fields[3:]]
    assert values["time"] == "1970-01-01T00:00:00.000000007Z"


@given(st.integers(0, 2**63 - 1))
def test_a_time_is_the_one_that_python_tells(time_ns: int) -> None:
    seconds, rest_ns = divmod(time_ns, 10**9)
    try:
        start = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except ValueError:  # past the year 9999
        start = f"@{seconds}"
    assert rfc3339(time_ns) == f"{start}.{rest_ns:09d}Z"
