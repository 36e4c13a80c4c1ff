"""A bounded cache: when it is full it forgets all, which costs learning again and nothing else."""

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedCache(dict[K, V]):
    """Add with `keep`; look up as in any dict."""

    def __init__(self, entries_max: int, bytes_max: int) -> None:
        self._entries_max, self._bytes_max = entries_max, bytes_max
        self._bytes = 0

    def keep(self, key: K, value: V, size_bytes: int) -> V:
        """Adds an entry that takes so much memory. Returns the value."""
        if len(self) >= self._entries_max or self._bytes + size_bytes > self._bytes_max:
            self.clear()
        self[key] = value
        self._bytes += size_bytes
        return value

    def clear(self) -> None:
        super().clear()
        self._bytes = 0
