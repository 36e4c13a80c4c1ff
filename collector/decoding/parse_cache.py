"""A bounded cache of parsed values."""

from collections.abc import Callable
from typing import TypeVar

from execdb.store.bounded_cache import BoundedCache

T = TypeVar("T")
_VALUES_MAX = 1_536


class ParseCache(BoundedCache[bytes, T]):
    """Parsed values by their bytes; a missing one is parsed. `parse` adds to `size_bytes` what its
    value takes besides these bytes, where that is much."""

    def __init__(self, parse: Callable[[bytes], T], bytes_max: int) -> None:
        super().__init__(_VALUES_MAX, bytes_max)
        self._parse = parse

    def __missing__(self, raw: bytes) -> T:
        self.make_room()
        value = self[raw] = self._parse(raw)
        self.size_bytes += len(raw)
        return value
