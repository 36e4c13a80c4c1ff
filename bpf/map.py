"""BPF maps as Python mappings, each access one bpf() call."""

import ctypes
import struct
from collections.abc import Iterator, MutableMapping

from execdb.bpf import syscall

_NOEXIST = 1  # BPF_NOEXIST
_U32 = struct.Struct("=I")
_ELEM = struct.Struct("IIQQQ")  # map_fd, padding, key, value or next_key, flags


class _Elements:
    """The calls on one map, with buffers for a key and a value."""

    def __init__(self, fd: int, key_size: int, value_size: int) -> None:
        self.fd = fd
        self._key = ctypes.create_string_buffer(key_size)
        self._next = ctypes.create_string_buffer(key_size)
        self._value = ctypes.create_string_buffer(value_size)

    def _elem(self, command: int, value: int = 0, key: int | None = None, flags: int = 0) -> None:
        address = ctypes.addressof(self._key) if key is None else key
        try:
            syscall.bpf(command, _ELEM.pack(self.fd, 0, address, value, flags))
        except FileNotFoundError:
            raise KeyError(self._key.raw) from None

    def _lookup(self, key: bytes) -> bytes:
        self._key.raw = key
        self._elem(syscall.MAP_LOOKUP_ELEM, ctypes.addressof(self._value))
        return self._value.raw

    def _update(self, key: bytes, value: bytes, flags: int = 0) -> None:
        if len(value) != len(self._value):  # the kernel would read past its end
            raise ValueError(f"a value of this map has {len(self._value)} bytes, not {len(value)}")
        self._key.raw = key
        self._value.raw = value
        self._elem(syscall.MAP_UPDATE_ELEM, ctypes.addressof(self._value), flags=flags)

    def _delete(self, key: bytes) -> None:
        self._key.raw = key
        self._elem(syscall.MAP_DELETE_ELEM)

    def _keys(self) -> list[bytes]:
        keys: list[bytes] = []
        key: int | None = 0  # a null pointer asks for the first key
        while True:
            try:
                self._elem(syscall.MAP_GET_NEXT_KEY, ctypes.addressof(self._next), key)
            except KeyError:
                return keys
            self._key.raw = self._next.raw
            keys.append(self._next.raw)
            key = None


class BytesMap(_Elements, MutableMapping[bytes, bytes]):
    """A map whose keys are structs, packed by the caller. Raises as Map does."""

    def __getitem__(self, key: bytes) -> bytes:
        return self._lookup(key)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._update(key, value)

    def __delitem__(self, key: bytes) -> None:
        self._delete(key)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())


class Map(_Elements, MutableMapping[int, bytes]):
    """A map with u32 keys and values of exactly `value_size` bytes.

    For a per-CPU map that size is the sum over all possible CPUs. Raises KeyError if a key is
    missing, OSError for everything else that the kernel refuses (E2BIG: the map is full).
    """

    def __init__(self, fd: int, value_size: int) -> None:
        super().__init__(fd, _U32.size, value_size)

    def __getitem__(self, key: int) -> bytes:
        return self._lookup(_U32.pack(key))

    def __setitem__(self, key: int, value: bytes) -> None:
        self._update(_U32.pack(key), value)

    def insert(self, key: int, value: bytes) -> None:
        """Adds an entry. Raises FileExistsError if the key exists."""
        self._update(_U32.pack(key), value, _NOEXIST)

    def __delitem__(self, key: int) -> None:
        self._delete(_U32.pack(key))

    def __iter__(self) -> Iterator[int]:
        return iter([_U32.unpack(key)[0] for key in self._keys()])

    def __len__(self) -> int:
        return len(self._keys())
