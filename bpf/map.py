"""A BPF map as a Python mapping, each access one bpf() call."""

import ctypes
import struct
from collections.abc import Iterator, MutableMapping

from execdb.bpf import syscall

_NOEXIST = 1  # BPF_NOEXIST
_ELEM = struct.Struct("IIQQQ")  # map_fd, padding, key, value or next_key, flags


class Map(MutableMapping[int, bytes]):
    """A map with u32 keys and values of exactly `value_size` bytes.

    For a per-CPU map that size is the sum over all possible CPUs. Raises KeyError if a key is
    missing, OSError for everything else that the kernel refuses (E2BIG: the map is full).
    """

    def __init__(self, fd: int, value_size: int) -> None:
        self.fd = fd
        self._key = ctypes.c_uint32()
        self._next = ctypes.c_uint32()
        self._value = ctypes.create_string_buffer(value_size)

    def _elem(self, command: int, value: int = 0, key: int | None = None, flags: int = 0) -> None:
        address = ctypes.addressof(self._key) if key is None else key
        try:
            syscall.bpf(command, _ELEM.pack(self.fd, 0, address, value, flags))
        except FileNotFoundError:
            raise KeyError(self._key.value) from None

    def __getitem__(self, key: int) -> bytes:
        self._key.value = key
        self._elem(syscall.MAP_LOOKUP_ELEM, ctypes.addressof(self._value))
        return self._value.raw

    def __setitem__(self, key: int, value: bytes) -> None:
        self._update(key, value, 0)

    def insert(self, key: int, value: bytes) -> None:
        """Adds an entry. Raises FileExistsError if the key exists."""
        self._update(key, value, _NOEXIST)

    def _update(self, key: int, value: bytes, flags: int) -> None:
        if len(value) != len(self._value):  # the kernel would read past its end
            raise ValueError(f"a value of this map has {len(self._value)} bytes, not {len(value)}")
        self._key.value = key
        self._value.raw = value
        self._elem(syscall.MAP_UPDATE_ELEM, ctypes.addressof(self._value), flags=flags)

    def __delitem__(self, key: int) -> None:
        self._key.value = key
        self._elem(syscall.MAP_DELETE_ELEM)

    def __iter__(self) -> Iterator[int]:
        keys: list[int] = []
        key: int | None = 0  # a null pointer asks for the first key
        while True:
            try:
                self._elem(syscall.MAP_GET_NEXT_KEY, ctypes.addressof(self._next), key)
            except KeyError:
                return iter(keys)
            self._key.value = self._next.value
            keys.append(self._next.value)
            key = None

    def __len__(self) -> int:
        return sum(1 for _ in self)
