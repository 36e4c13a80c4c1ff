"""From what stands in a ring (records as in bpf/c/execdb.h) to events. Pure."""

import errno
import re
import struct
from collections.abc import Callable, Iterable
from sys import getsizeof
from typing import NamedTuple, TypeVar

from execdb.bpf import wire
from execdb.store.event import Command, Creds, End, Exec, Place, Start, text_of

T = TypeVar("T")
_REMEMBERED = 1_536  # values of a kind
_REMEMBERED_BYTES = 4_000_000  # of memory, for what is started
_NAMES_BYTES = 400_000  # of records, for a kind of names; as text up to five times as much
STRING_BYTES = 60  # bytes of memory for each argument beside its characters
_LONG = 512  # bytes of a record, up to which nobody need count exactly
# Of memory, for an event that waits; for what it is the first to refer to, beside arguments:
EXEC_BYTES, _END_BYTES, _START_BYTES = 360, 230, 280
_LATEST_NS = 1 << 62  # of a boot time, so that a time of day still fits SQLite's integers

_HEAD = wire.RING_HEAD.size
_KIND_AT = _HEAD + wire.KIND_AT
_START_AT = _HEAD + wire.LAYOUT["caller"][0]  # up to the end: a Start
_DATA_AT = _HEAD + wire.EXEC.size
_END_SIZE = _HEAD + wire.END.size
_TYPE_AT, _SAMPLE, _KIND_END = wire.TYPE_AT, wire.SAMPLE, wire.KIND_END
_SIZE = struct.Struct("=6xH").unpack_from
_SIZE_MIN = 8  # that of what every record in a ring begins with
# size; boot_ns, image_boot_ns, image_pid, status: signed, so that wire.REPLACED is event.REPLACED
_END = struct.Struct("=6xH4xQQI4xi4x").unpack_from
# size; boot_ns, parent_boot_ns, parent_pid, kind, pid, ppid, flags, error, where_len and, behind
# caller and credentials, filename_len, args_len
_EXEC = struct.Struct("=6xH4xQQIIIIIII4x16x48x8xII16x").unpack_from
_CREDS = struct.Struct("=IIIII16s12s")
_COMMAND = struct.Struct("=IIII").unpack_from  # argc, truncated, filename_len, args_len
# From `caller` on:
_CALLER_SIZE = _COMM_SIZE = 16
_COMMAND_AT = _CALLER_SIZE + _CREDS.size
_COMM_AT = _COMMAND_AT + 16
_FILENAME_AT = _COMM_AT + _COMM_SIZE


class BadRecord(ValueError):
    """The bytes are not a record that the program writes."""


class Decoded(NamedTuple):
    """What a drain brought, each in the order of its records."""

    execs: list[Exec]
    ends: list[End]
    unreadable: int


class Decoder:
    """Decodes records; remembers what recurs, so that a known start is one dictionary look-up
    instead of a parse of its arguments."""

    def __init__(self) -> None:
        self._creds: Known[Creds] = Known(parse_creds, _NAMES_BYTES)
        self._places: Known[Place] = Known(parse_place, _NAMES_BYTES)
        self._programs = Known(parse_program, _NAMES_BYTES)
        self._starts: Known[Start] = Known(self._parse_start, _REMEMBERED_BYTES)
        self.size_bytes = 0  # about the memory that takes what the last `decode` brought

    def decode(self, chunks: Iterable[bytes], clock_offset_ns: int) -> Decoded:
        """Each chunk is a stretch of a ring, of whole records; `clock_offset_ns` is CLOCK_REALTIME
        - CLOCK_BOOTTIME.

        Notices of loss are passed over: the program's own counters say the same and in time.
        The loop runs for every exec and every end on the recorded machine, so it is written out:
        a record is one unpacking, what recurs a slice and a look-up, and a named tuple is made
        without its Python-level constructor.
        """
        execs: list[Exec] = []
        ends: list[End] = []
        unreadable = 0
        starts, new = self._starts, tuple.__new__
        known_bytes = starts.size_bytes
        add_exec, add_end = execs.append, ends.append
        for chunk in chunks:
            at, until = 0, len(chunk)
            while at < until:
                try:
                    if chunk[at + _TYPE_AT] != _SAMPLE:
                        (size,) = _SIZE(chunk, at)
                        if size < _SIZE_MIN:
                            raise BadRecord(f"{size} bytes")
                        at += size
                        continue
                    if chunk[at + _KIND_AT] == _KIND_END:
                        size, boot_ns, image_ns, image_pid, status = _END(chunk, at)
                        if size < _END_SIZE or boot_ns >= _LATEST_NS or image_ns >= _LATEST_NS:
                            raise BadRecord(f"an end at {boot_ns} of {image_ns}, {size} bytes")
                        add_end(new(End, (boot_ns, (image_ns, image_pid), status)))
                        at += size
                        continue
                    (size, boot_ns, parent_ns, parent_pid, kind, pid, ppid, flags, error, where_len,
                     filename_len, args_len) = _EXEC(chunk, at)  # fmt: skip
                    end_at = _DATA_AT + filename_len + args_len + where_len
                    if (
                        end_at > size
                        or kind not in _EXEC_KINDS
                        or boot_ns >= _LATEST_NS
                        or parent_ns >= _LATEST_NS
                    ):
                        raise BadRecord(f"kind {kind}, {size} bytes")
                    fields = (
                        boot_ns + clock_offset_ns,
                        boot_ns,
                        pid,
                        ppid,
                        starts[chunk[at + _START_AT : at + end_at]],
                        (parent_ns, parent_pid) if parent_ns else None,
                        flags & wire.FLAG_REPLACES != 0,
                        _errno_name(error) if error else None,
                    )
                    add_exec(new(Exec, fields))
                    at += size
                except (struct.error, IndexError, BadRecord):
                    unreadable += 1
                    at += _size(chunk, at)
        self.size_bytes = EXEC_BYTES * len(execs) + _END_BYTES * len(ends)
        self.size_bytes += starts.size_bytes - known_bytes
        return Decoded(execs, ends, unreadable)

    def _parse_start(self, raw: bytes) -> Start:
        """A record from `caller` to the end of what it says of the place. Raises BadRecord.

        A command line that is new comes here, in a varied history every one: so its arguments are
        decoded in one go, and the tuples made as in `decode`."""
        argc, cut, filename_len, args_len = _COMMAND(raw, _COMMAND_AT)
        args_at = _FILENAME_AT + filename_len
        place_at = args_at + args_len
        comm, filename = self._programs[raw[_COMM_AT:args_at]]
        text = text_of(raw[args_at:place_at].removesuffix(b"\0"))
        argv = tuple(text.split("\0")[:argc]) if args_len else ()
        size = _START_BYTES + STRING_BYTES * len(argv)
        if len(raw) > _LONG:  # text beyond Latin-1 takes up to four bytes for each of its own
            size += getsizeof(text) + 4 * (len(raw) - args_len)
        self._starts.size_bytes += size
        new = tuple.__new__
        fields = (
            self._creds[raw[_CALLER_SIZE:_COMMAND_AT]],
            new(Command, (filename, comm, argv, argc, cut != 0 or len(argv) != argc)),
            self._places[raw[place_at:]],
            text_of(raw[:_CALLER_SIZE].partition(b"\0")[0]) or None,
        )
        return new(Start, fields)


_EXEC_KINDS = (wire.KIND_EXEC, wire.KIND_ATTEMPT)


def _size(chunk: bytes, at: int) -> int:
    """Of the record there, or of all the rest where that cannot be."""
    rest = len(chunk) - at
    if rest < wire.RING_HEAD.size:
        return rest
    (size,) = _SIZE(chunk, at)
    return min(rest, size) if size >= _SIZE_MIN else rest


def _errno_name(error: int) -> str:
    """`ENOENT`; a number the C library has no name for stays one."""
    return errno.errorcode.get(error, str(error))


class Known(dict[bytes, T]):
    """Parsed values by their bytes, parsed where missing. Forgets all when full, which costs a
    parse again and nothing else."""

    def __init__(self, parse: Callable[[bytes], T], bytes_max: int) -> None:
        """`parse` may add to `size_bytes` what a value takes beside its bytes."""
        self._parse, self._bytes_max = parse, bytes_max
        # Of all that were ever parsed:
        self._raw_bytes = self.size_bytes = 0
        self._forget_at = bytes_max

    def __missing__(self, raw: bytes) -> T:
        if len(self) >= _REMEMBERED or self._raw_bytes + self.size_bytes >= self._forget_at:
            self.clear()
            self._forget_at = self._raw_bytes + self.size_bytes + self._bytes_max
        value = self[raw] = self._parse(raw)
        self._raw_bytes += len(raw)
        return value


def parse_creds(raw: bytes) -> Creds:
    uid, euid, gid, loginuid, sessionid, tty, message = _CREDS.unpack(raw)
    return Creds(
        uid,
        euid,
        gid,
        None if loginuid == wire.UNSET else loginuid,
        None if sessionid == wire.UNSET else sessionid,
        _tty_name(text_of(tty.partition(b"\0")[0])),
        text_of(message.partition(b"\0")[0]),
    )


def _tty_name(name: str) -> str | None:
    """As ps(1) shows it: the kernel calls pts/3 `pts3`."""
    return re.sub(r"^pts(?=\d)", "pts/", name) or None


def parse_place(raw: bytes) -> Place:
    """The names of two paths, each from the last to the first, with an empty one between.
    Raises BadRecord."""
    if not raw:
        return Place(None, None)
    names = raw.split(b"\0")  # ends with an empty one, for the last NUL
    try:
        middle = names.index(b"")
    except ValueError:
        raise BadRecord("no end of the current directory") from None
    return Place(_path(names[:middle]), _path(names[middle + 1 : -1]))


def _path(names: list[bytes]) -> str:
    return "/" + text_of(b"/".join(reversed(names)))


def parse_program(raw: bytes) -> tuple[str, str]:
    """(comm, filename)"""
    return (
        text_of(raw[:_COMM_SIZE].partition(b"\0")[0]),
        text_of(raw[_COMM_SIZE:].partition(b"\0")[0]),
    )
