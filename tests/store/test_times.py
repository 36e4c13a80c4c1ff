"""Times as text: RFC 3339, as Python itself writes it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.store.times import rfc3339


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


@given(st.integers(0, 2**63 - 1))
def test_a_time_is_the_one_that_python_tells(time_ns: int) -> None:
    seconds, rest_ns = divmod(time_ns, 10**9)
    try:
        start = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except ValueError:  # past the year 9999
        start = f"@{seconds}"
    assert rfc3339(time_ns) == f"{start}.{rest_ns:09d}Z"
