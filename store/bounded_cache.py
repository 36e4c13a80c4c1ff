"""A bounded cache: when it is full it forgets all, which costs learning again and nothing else."""

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedCache(dict[K, V]):
    """At most `entries_max` entries. `size_bytes` is the memory that they take, as whoever adds
    them says; `bytes_max` bounds it, except for a single larger entry. Look up as in any dict."""

    def __init__(self, entries_max: int, bytes_max: int) -> None:
        self._entries_max, self._bytes_max = entries_max, bytes_max
        self.size_bytes = 0

    def make_room(self, size_bytes: int = 0) -> None:
        """Forgets all, unless another entry of this size fits."""
        if len(self) >= self._entries_max or self.size_bytes + size_bytes > self._bytes_max:
            self.clear()

    def keep(self, key: K, value: V, size_bytes: int) -> V:
        """Adds an entry that takes so much memory. Returns the value."""
        self.make_room(size_bytes)
        self[key] = value
        self.size_bytes += size_bytes
        return value

    def clear(self) -> None:
        super().clear()
        self.size_bytes = 0
