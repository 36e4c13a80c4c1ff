"""A bounded cache of parsed values."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_VALUES_MAX = 1_536


class ParseCache(dict[bytes, T]):
    """Parsed values by their bytes; a missing one is parsed. When it is full it forgets all, which
    costs parsing again and nothing else.

    `bytes_max` bounds the bytes of the keys together with `size_bytes`, to which `parse` may add
    the memory that a value takes besides."""

    def __init__(self, parse: Callable[[bytes], T], bytes_max: int) -> None:
        self._parse, self._bytes_max = parse, bytes_max
        self._raw_bytes = self.size_bytes = 0  # of all that was ever parsed
        self._forget_at = bytes_max

    def __missing__(self, raw: bytes) -> T:
        if len(self) >= _VALUES_MAX or self._raw_bytes + self.size_bytes >= self._forget_at:
            self.clear()
            self._forget_at = self._raw_bytes + self.size_bytes + self._bytes_max
        value = self[raw] = self._parse(raw)
        self._raw_bytes += len(raw)
        return value
