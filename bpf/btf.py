"""Struct offsets of the running kernel, read from its BTF.

Follows the kernel's Documentation/bpf/btf.rst. Plain bytes in, plain integers out.
"""

import struct
from array import array
from collections.abc import Iterator

_MAGIC = 0xEB9F
_HEADER = struct.Struct("HBBIIIII")  # magic, version, flags, hdr_len, type_off/len, str_off/len
_TYPE = struct.Struct("III")  # name_off, info, size or type
_MEMBER = struct.Struct("III")  # name_off, type, offset in bits
_STRUCT, _UNION, _TYPEDEF, _FUNC_PROTO = 4, 5, 8, 13
_VLEN_ITEM = {_STRUCT: 12, _UNION: 12, 6: 8, _FUNC_PROTO: 8, 15: 12, 19: 12}
_EXTRA = {1: 4, 3: 12, 14: 4, 17: 4}  # INT, ARRAY, VAR, DECL_TAG


class BTFError(ValueError):
    """The bytes are not BTF, or lack a struct or member that was asked for."""


class BTF:
    """An index over the types of one BTF blob, such as `/sys/kernel/btf/vmlinux`.

    Raises BTFError when the blob is not BTF of this machine's byte order.
    """

    def __init__(self, blob: bytes) -> None:
        try:
            magic, _, _, header_len, type_off, type_len, str_off, _ = _HEADER.unpack_from(blob)
        except struct.error as error:
            raise BTFError("too short to be BTF") from error
        if magic != _MAGIC:
            raise BTFError("not BTF of this machine's byte order")
        self._blob = blob
        self._strings = header_len + str_off
        self._positions = array("I", [0])  # type id -> position in the blob
        self._named: dict[int, dict[int, int]] = {_STRUCT: {}, _TYPEDEF: {}}  # name -> position
        start = header_len + type_off
        self._index(start, start + type_len)

    def _index(self, position: int, end: int) -> None:
        blob, append, unpack = self._blob, self._positions.append, struct.Struct("II").unpack_from
        named = self._named
        while position < end:
            append(position)
            name_off, info = unpack(blob, position)
            kind = info >> 24 & 0x1F
            if kind in named:
                named[kind].setdefault(name_off, position)
            item = _VLEN_ITEM.get(kind)
            position += 12 + (item * (info & 0xFFFF) if item else _EXTRA.get(kind, 0))

    def _name(self, offset: int) -> bytes:
        start = self._strings + offset
        return self._blob[start : self._blob.index(b"\0", start)]

    def _find(self, name: str, kind: int) -> int:
        """The position of the first type with this name and kind. Only the names that are asked
        for are read: of the types, the index knows where the name stands."""
        needle = b"\0" + name.encode() + b"\0"
        found = self._blob.find(needle, self._strings)
        while found >= 0:
            position = self._named[kind].get(found + 1 - self._strings)
            if position is not None:
                return position
            found = self._blob.find(needle, found + 1)
        raise BTFError(f"no type {name}")

    def _members(self, position: int) -> Iterator[tuple[bytes, int, int]]:
        """(name, type id, byte offset) of each member that is not a bit field."""
        _, info, _ = _TYPE.unpack_from(self._blob, position)
        for number in range(info & 0xFFFF):
            name_off, kind, bits = _MEMBER.unpack_from(self._blob, position + 12 + 12 * number)
            if info >> 31:  # kind_flag: the upper byte is a bit field's width
                if bits >> 24:
                    continue
                bits &= 0xFFFFFF
            yield self._name(name_off), kind, bits // 8

    def _seek(self, position: int, member: bytes) -> int | None:
        for name, type_id, offset in self._members(position):
            if name == member:
                return offset
            if not name:  # an anonymous struct or union: its members belong to this one
                inner = self._seek(self._positions[type_id], member)
                if inner is not None:
                    return offset + inner
        return None

    def offset(self, struct_name: str, member: str) -> int:
        """Bytes from the start of the struct to the member, or to an element of it
        (`regs[2]`, of 8 bytes each). Raises BTFError."""
        name, _, index = member.rstrip("]").partition("[")
        found = self._seek(self._find(struct_name, _STRUCT), name.encode())
        if found is None:
            raise BTFError(f"struct {struct_name} has no member {name}")
        return found + 8 * int(index or 0)

    def parameters(self, typedef: str) -> int:
        """How many parameters a function has whose pointer type is the typedef, such as
        `btf_trace_sched_process_exit`. Raises BTFError."""
        position = self._find(typedef, _TYPEDEF)
        for _ in range(2):  # the pointer, the prototype
            _, _, type_id = _TYPE.unpack_from(self._blob, position)
            position = self._positions[type_id]
        info: int = _TYPE.unpack_from(self._blob, position)[1]
        if info >> 24 & 0x1F != _FUNC_PROTO:
            raise BTFError(f"{typedef} is not a function")
        return info & 0xFFFF
