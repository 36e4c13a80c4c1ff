"""A bounded cache forgets all when it is full, and never holds more than it may."""

import pytest

from execdb.store.bounded_cache import BoundedCache


@pytest.mark.parametrize(("entries_max", "bytes_max"), [(7, 1_000_003), (1_000_003, 7 * 11)])
def test_a_full_cache_begins_anew(entries_max: int, bytes_max: int) -> None:
    cache: BoundedCache[int, str] = BoundedCache(entries_max, bytes_max)
    for key in range(7):
        assert cache.keep(key, str(key), 11) == str(key)
    assert [*cache] == [*range(7)]
    assert cache.size_bytes == 7 * 11
    cache.keep(7, "7", 11)
    assert cache == {7: "7"}
    assert cache.size_bytes == 11


def test_a_cleared_cache_has_room_again() -> None:
    cache: BoundedCache[int, str] = BoundedCache(1_000_003, 23)
    cache.keep(1, "one", 23)
    cache.clear()
    cache.make_room(23)
    cache.keep(2, "two", 11)
    assert cache == {2: "two"}


def test_one_entry_may_be_larger_than_the_cache() -> None:
    cache: BoundedCache[int, str] = BoundedCache(5, 23)
    assert cache.keep(1, "large", 101) == "large"
    assert cache.keep(2, "next", 1) == "next"
    assert cache == {2: "next"}
