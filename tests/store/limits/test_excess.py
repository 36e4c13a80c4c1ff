"""How far a file is above its bound: what that value promises, for any sizes."""

from hypothesis import given
from hypothesis import strategies as st

from execdb.store.limits.bounds import MAX_BYTES_MIN, Bounds
from execdb.store.limits.excess import Excess, excess_of, target_bytes

SIZES = st.integers(0, 10**12)
BOUNDS = st.integers(MAX_BYTES_MIN, 10**12).map(lambda size: Bounds(max_bytes=size))


@given(BOUNDS, SIZES, SIZES, st.sampled_from(Excess))
def test_more_than_there_is_room_for_is_always_an_excess(
    bounds: Bounds, used: int, first: int, before: Excess
) -> None:
    room = bounds.room_bytes or 0
    found = excess_of(used, bounds, first, before)
    assert (found >= Excess.SOME) == (used > room)
    assert (bounds.max_bytes or 0) > room > target_bytes(room)
    if used <= target_bytes(room):
        assert found is Excess.NONE


@given(BOUNDS, SIZES, SIZES, SIZES, st.sampled_from(Excess))
def test_more_use_is_never_a_smaller_excess(
    bounds: Bounds, used: int, more: int, first: int, before: Excess
) -> None:
    assert excess_of(used, bounds, first, before) <= excess_of(used + more, bounds, first, before)


def test_removing_stops_with_a_margin_and_starts_at_the_bound() -> None:
    bounds = Bounds(max_bytes=10_000_000)
    assert bounds.room_bytes == 7_500_000
    found, states = Excess.NONE, []
    for used in (7_200_000, 7_500_001, 7_300_000, 7_125_000, 7_300_000, 7_700_000):
        found = excess_of(used, bounds, 7_000_000, found)
        states.append(found.name)
    assert states == ["NONE", "SOME", "MARGIN", "NONE", "NONE", "MUCH"]


def test_a_file_that_was_too_large_at_first_is_made_smaller_without_haste() -> None:
    bounds = Bounds(max_bytes=10_000_000)
    assert excess_of(20_000_000, bounds, 20_000_000, Excess.NONE) is Excess.SOME
    assert excess_of(20_000_001, bounds, 20_000_000, Excess.NONE) is Excess.MUCH


@given(SIZES, SIZES, st.sampled_from(Excess))
def test_without_a_bound_there_is_no_excess(used: int, first: int, before: Excess) -> None:
    assert excess_of(used, Bounds(keep_ns=1), first, before) is Excess.NONE
