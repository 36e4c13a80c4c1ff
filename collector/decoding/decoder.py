"""From the bytes in a ring (records as in bpf/c/execdb.h) to events. Pure."""

import errno
import struct
from collections.abc import Callable, Iterable, Mapping
from sys import getsizeof
from typing import NamedTuple

from execdb.bpf import wire
from execdb.collector.decoding.executable import Executable
from execdb.collector.decoding.mounts import Mounts
from execdb.collector.decoding.namespaces import FIRST_NAMESPACES, Namespaces
from execdb.collector.decoding.parse_cache import ParseCache
from execdb.collector.decoding.parts import (
    COMM_SIZE,
    CREDS,
    FILE,
    NAMESPACES,
    BadRecord,
    parse_creds,
    parse_file,
    parse_place,
    parse_program,
)
from execdb.store.event import Command, Creds, End, Exec, Place, Start, text_of

_STARTS_BYTES = 4_000_000  # of memory, for the cache of starts
_NAMES_BYTES = 400_000  # of records, for each other cache; as text up to five times as much
STRING_BYTES = 60  # of memory for each argument, besides its characters
_LONG = 512  # bytes of a record up to which memory is not counted exactly
# Of memory, for an event that waits, and for a start without its arguments:
EXEC_BYTES, _END_BYTES, _START_BYTES = 360, 230, 280
_LATEST_NS = 1 << 62  # the latest boot time whose time of day still fits SQLite's integers

_HEAD = wire.RING_HEAD.size
_KIND_AT = _HEAD + wire.KIND_AT
_START_AT = _HEAD + wire.LAYOUT["caller"][0]  # from here to the end: a Start
_DATA_AT = _HEAD + wire.EXEC.size
_END_SIZE = _HEAD + wire.END.size
_TYPE_AT, _SAMPLE, _KIND_END = wire.TYPE_AT, wire.SAMPLE, wire.KIND_END
_SIZE = struct.Struct("=6xH").unpack_from
_SIZE_MIN = 8  # the size of the header of every record in a ring
# size; boot_ns, image_boot_ns, image_pid, status, max_rss_kb, cpu_ns. Two are signed, so that
# wire.REPLACED is event.REPLACED, and wire.CPU_UNKNOWN is below 0.
_END = struct.Struct("=6xH4xQQI4xiIq").unpack_from
# size; boot_ns, parent_boot_ns, parent_pid, kind, pid, ppid, flags, error, where_len, ns_pid,
# replaced_cpu_ns, max_rss_kb; and, after caller, credentials, namespaces and file, filename_len,
# args_len
_EXEC = struct.Struct("=6xH4xQQIIIIIIIIqI16x52x16x24x8xII16x").unpack_from
_COMMAND = struct.Struct("=IIII").unpack_from  # argc, truncated, filename_len, args_len
_EXE_LEN = struct.Struct("=I").unpack_from
# From `caller` on:
_CALLER_SIZE = 16
_NAMESPACES_AT = _CALLER_SIZE + CREDS.size
_FILE_AT = _NAMESPACES_AT + NAMESPACES.size
_COMMAND_AT = _FILE_AT + FILE.size
_EXE_LEN_AT = wire.LAYOUT["exe_len"][0] - wire.LAYOUT["caller"][0]
_COMM_AT = _COMMAND_AT + 16
_FILENAME_AT = _COMM_AT + COMM_SIZE


class Decoded(NamedTuple):
    """What a drain brought, in the order of the records."""

    execs: list[Exec]
    ends: list[End]
    unreadable: int


class Decoder:
    """Decodes records. Caches what recurs, so that a known start costs one dictionary look-up
    instead of parsing its arguments."""

    def __init__(self, mounts: Mounts | None = None, first: Namespaces = FIRST_NAMESPACES) -> None:
        """`first` are the namespaces of the machine's first process. Without `mounts` it is not
        known where file systems are mounted."""
        self._mounts = mounts or Mounts(())
        self._first = first
        self._creds: ParseCache[Creds] = ParseCache(parse_creds, _NAMES_BYTES)
        self._places: ParseCache[Place] = ParseCache(self._parse_place, _NAMES_BYTES)
        self._programs = ParseCache(parse_program, _NAMES_BYTES)
        self._files: ParseCache[Executable] = ParseCache(
            lambda raw: parse_file(raw, self._mounts.of), _NAMES_BYTES
        )
        self._starts: ParseCache[Start] = ParseCache(self._parse_start, _STARTS_BYTES)
        self._new_bytes = 0  # of memory, for the starts that a `decode` has parsed
        self.size_bytes = 0  # approximate memory that the result of the last `decode` takes

    def decode(self, chunks: Iterable[bytes], clock_offset_ns: int) -> Decoded:
        """Each chunk is a part of a ring, of whole records; `clock_offset_ns` is CLOCK_REALTIME -
        CLOCK_BOOTTIME. Notices of loss are ignored: the program's own counters say the same, and
        earlier."""
        if self._mounts.look():  # what was known of files may have another path now
            self._starts.clear()
            self._files.clear()
        self._new_bytes = 0
        execs: list[Exec] = []
        ends: list[End] = []
        unreadable = 0
        for chunk in chunks:
            unreadable += self._decode_chunk(chunk, clock_offset_ns, execs.append, ends.append)
        self.size_bytes = EXEC_BYTES * len(execs) + _END_BYTES * len(ends) + self._new_bytes
        return Decoded(execs, ends, unreadable)

    def _decode_chunk(
        self,
        chunk: bytes,
        clock_offset_ns: int,
        add_exec: Callable[[Exec], None],
        add_end: Callable[[End], None],
    ) -> int:
        """Returns how many records are unreadable.

        The loop runs for every exec and every end on the recorded machine, so it calls as little as
        possible: a record costs one call and one unpacking, what recurs one slice and one look-up,
        and named tuples are made without their Python-level constructor.
        """
        starts, unreadable = self._starts, 0
        at, until = 0, len(chunk)
        while at < until:
            try:
                if chunk[at + _TYPE_AT] != _SAMPLE:
                    at += _size_of_notice(chunk, at)
                elif chunk[at + _KIND_AT] == _KIND_END:
                    at += _decode_end(chunk, at, add_end)
                else:
                    at += _decode_exec(chunk, at, starts, clock_offset_ns, add_exec)
            except (struct.error, IndexError, BadRecord):
                unreadable += 1
                at += _size(chunk, at)
        return unreadable

    def _parse_start(self, raw: bytes) -> Start:
        """A record from `caller` to its end. Raises BadRecord.

        Each new command line comes here, on some machines every one: so the arguments are decoded
        at once, and tuples are made as in `decode`."""
        argc, cut, filename_len, args_len = _COMMAND(raw, _COMMAND_AT)
        args_at = _FILENAME_AT + filename_len
        place_at = args_at + args_len
        (exe_len,) = _EXE_LEN(raw, _EXE_LEN_AT)
        names_at = len(raw) - exe_len
        if names_at < place_at:
            raise BadRecord("the names of the file are longer than all names")
        comm, filename = self._programs[raw[_COMM_AT:args_at]]
        text = text_of(raw[args_at:place_at].removesuffix(b"\0"))
        argv = tuple(text.split("\0")[:argc]) if args_len else ()
        size = _START_BYTES + STRING_BYTES * len(argv)
        if len(raw) > _LONG:  # text beyond Latin-1 takes up to four bytes for each of its own
            size += getsizeof(text) + 4 * (len(raw) - args_len)
        self._starts.size_bytes += size
        self._new_bytes += size
        new = tuple.__new__
        fields = (
            self._creds[raw[_CALLER_SIZE:_NAMESPACES_AT]],
            new(
                Command,
                (
                    filename,
                    comm,
                    argv,
                    argc,
                    cut != 0 or len(argv) != argc,
                    *self._files[raw[_FILE_AT:_COMMAND_AT] + raw[names_at:]],
                ),
            ),
            self._places[raw[_NAMESPACES_AT:_FILE_AT] + raw[place_at:names_at]],
            text_of(raw[:_CALLER_SIZE].partition(b"\0")[0]) if raw[0] else None,
        )
        return new(Start, fields)

    def _parse_place(self, raw: bytes) -> Place:
        return parse_place(raw, self._first)


_EXEC_KINDS, _REPLACES = (wire.KIND_EXEC, wire.KIND_ATTEMPT), wire.FLAG_REPLACES
_new = tuple.__new__


def _decode_exec(
    chunk: bytes,
    at: int,
    starts: Mapping[bytes, Start],
    clock_offset_ns: int,
    add: Callable[[Exec], None],
) -> int:
    """Adds the exec or failed attempt at `at`; returns the size of its record. Raises BadRecord,
    struct.error."""
    size: int
    (size, boot_ns, parent_ns, parent_pid, kind, pid, ppid, flags, error, where_len,
     ns_pid, cpu_ns, rss_kb, filename_len, args_len) = _EXEC(chunk, at)  # fmt: skip
    end_at = _DATA_AT + filename_len + args_len + where_len
    if end_at > size or kind not in _EXEC_KINDS or boot_ns >= _LATEST_NS or parent_ns >= _LATEST_NS:
        raise BadRecord(f"kind {kind}, {size} bytes")
    fields = (
        boot_ns + clock_offset_ns,
        boot_ns,
        pid,
        ppid,
        starts[chunk[at + _START_AT : at + end_at]],
        (parent_ns, parent_pid) if parent_ns else None,
        flags & _REPLACES != 0,
        _errno_name(error) if error else None,
        None if ns_pid == pid else ns_pid,
        None if cpu_ns < 0 else cpu_ns,
        None if cpu_ns < 0 else rss_kb,
    )
    add(_new(Exec, fields))
    return size


def _decode_end(chunk: bytes, at: int, add: Callable[[End], None]) -> int:
    """Adds the end at `at`; returns the size of its record. Raises BadRecord, struct.error."""
    size: int
    size, boot_ns, image_ns, image_pid, status, rss_kb, cpu_ns = _END(chunk, at)
    if size < _END_SIZE or boot_ns >= _LATEST_NS or image_ns >= _LATEST_NS:
        raise BadRecord(f"an end at {boot_ns} of {image_ns}, {size} bytes")
    image = image_ns, image_pid
    if cpu_ns < 0:
        add(_new(End, (boot_ns, image, status, None, None)))
    else:
        add(_new(End, (boot_ns, image, status, cpu_ns, rss_kb)))
    return size


def _size_of_notice(chunk: bytes, at: int) -> int:
    """The size of a record that is no sample. Raises BadRecord, struct.error."""
    (size,) = _SIZE(chunk, at)
    if size < _SIZE_MIN:
        raise BadRecord(f"{size} bytes")
    return int(size)


def _size(chunk: bytes, at: int) -> int:
    """The size of the record at `at`; that of all the rest if it is not valid."""
    rest = len(chunk) - at
    if rest < wire.RING_HEAD.size:
        return rest
    (size,) = _SIZE(chunk, at)
    return min(rest, size) if size >= _SIZE_MIN else rest


def _errno_name(error: int) -> str:
    """`ENOENT`; just the number if the C library has no name for it."""
    return errno.errorcode.get(error, str(error))
