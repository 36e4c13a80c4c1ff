"""BPF maps as Python mappings, each access one bpf() call."""

import contextlib
import ctypes
import errno
import struct
from collections.abc import ItemsView, Iterator, MutableMapping

from execdb.bpf import syscall

_NOEXIST = 1  # BPF_NOEXIST
_U32 = struct.Struct("=I")
_ELEM = struct.Struct("IIQQQ")  # map_fd, padding, key, value or next_key, flags
# in_batch, out_batch, keys, values, count (in: room, out: found), map_fd, elem_flags, flags
_BATCH = struct.Struct("QQQQIIQQ")
_COUNT = struct.Struct("I")
_COUNT_AT = 32
_LEAST, _BATCH_BYTES = 64, 32_768  # entries, and bytes of them, that are asked for at once
_UNSUPPORTED = 524  # ENOTSUPP, which errno(3) does not have


class _Elements:
    """The calls on one map, with buffers for a key and a value."""

    def __init__(self, fd: int, key_size: int, value_size: int) -> None:
        self.fd = fd
        self._key = ctypes.create_string_buffer(key_size)
        self._next = ctypes.create_string_buffer(key_size)
        self._value = ctypes.create_string_buffer(value_size)
        self._found = 0  # how many entries there were last, where they are read in batches

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

    def _has_key(self) -> bool:
        try:
            self._elem(syscall.MAP_GET_NEXT_KEY, ctypes.addressof(self._next), 0)
        except KeyError:
            return False
        return True

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

    def _entries(self) -> dict[bytes, bytes]:
        """All of them, in one call where the kernel can. Entries that others add or delete
        meanwhile may be missing."""
        if not self._found and not self._has_key():
            return {}
        try:
            found = self._in_batches()
            self._found = len(found)
            return found
        except OSError as error:
            if error.errno not in (_UNSUPPORTED, errno.EINVAL, errno.ENOSPC):
                raise
        found = {}
        for key in self._keys():
            with contextlib.suppress(KeyError):
                found[key] = self._lookup(key)
        return found

    def _in_batches(self) -> dict[bytes, bytes]:
        """Raises OSError: ENOSPC if more than fit have the same hash."""
        key_size, value_size = len(self._key), len(self._value)
        most = max(_LEAST, _BATCH_BYTES // (key_size + value_size))
        room = min(most, self._found + _LEAST)
        keys = ctypes.create_string_buffer(key_size * room)
        values = ctypes.create_string_buffer(value_size * room)
        where = ctypes.create_string_buffer(max(key_size, _U32.size))
        at = ctypes.addressof(where)
        found: dict[bytes, bytes] = {}
        begin, is_last = 0, False  # a null pointer asks for the first
        while not is_last:
            of_all = begin, at, ctypes.addressof(keys), ctypes.addressof(values)
            attributes = bytearray(_BATCH.pack(*of_all, room, self.fd, 0, 0))
            try:
                syscall.bpf_both_ways(syscall.MAP_LOOKUP_BATCH, attributes)
            except FileNotFoundError:
                is_last = True
            (count,) = _COUNT.unpack_from(attributes, _COUNT_AT)
            of_keys = _pieces(ctypes.string_at(keys, count * key_size), key_size)
            of_values = _pieces(ctypes.string_at(values, count * value_size), value_size)
            found |= zip(of_keys, of_values, strict=True)
            begin = at
        return found


def _pieces(raw: bytes, size: int) -> list[bytes]:
    return [raw[at : at + size] for at in range(0, len(raw), size)]


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

    def items(self) -> ItemsView[bytes, bytes]:
        """As they are now."""
        return self._entries().items()


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

    def items(self) -> ItemsView[int, bytes]:
        """As they are now."""
        return {_U32.unpack(key)[0]: value for key, value in self._entries().items()}.items()


class Array(Map):
    """A map that has the keys from 0 to `entries` - 1, always."""

    def __init__(self, fd: int, value_size: int, entries: int = 1) -> None:
        super().__init__(fd, value_size)
        self._size = entries

    def items(self) -> ItemsView[int, bytes]:
        return {key: self[key] for key in range(self._size)}.items()
