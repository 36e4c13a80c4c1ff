"""From a record (raw bytes, as in bpf/execdb.h) to an event. Pure."""

import errno
import re
import struct
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from execdb.bpf import wire
from execdb.store.event import Command, Creds, End, Exec, Place, text_of

T = TypeVar("T")
_REMEMBERED = 8_192  # values of a kind
_REMEMBERED_BYTES = 4_000_000
_NS_BITS = 62  # of a boot time, so that a time of day still fits SQLite's integers: 146 years

_CREDS_AT = wire.LAYOUT["uid"][0]
_COMMAND_AT = wire.LAYOUT["argc"][0]
_DATA_AT = wire.EXEC.size
_CREDS = struct.Struct("=IIIII16s12s")
_COMMAND = struct.Struct("=IIII16s")
# boot_ns, parent_boot_ns, parent_pid, kind, pid, ppid, flags, error, where_len, caller and, behind
# the credentials, filename_len, args_len
_FIXED = struct.Struct(f"=QQIIIIIII4x16s{_CREDS.size}x8xII16x").unpack_from
_END = wire.END.unpack_from


class BadRecord(ValueError):
    """The bytes are not a record that the program writes."""


class Decoded(NamedTuple):
    """What a drain brought, each in the order of its records."""

    execs: list[Exec]
    ends: list[End]
    unreadable: int


class Decoder:
    """Decodes records; remembers the parts that recur, so that a known command is one
    dictionary look-up instead of a parse of its arguments."""

    def __init__(self) -> None:
        self._creds: Known[Creds] = Known(parse_creds)
        self._commands: Known[Command] = Known(parse_command)
        self._places: Known[Place] = Known(parse_place)
        self._callers: Known[str | None] = Known(_parse_caller)

    def decode(self, records: Iterable[bytes], clock_offset_ns: int) -> Decoded:
        """`clock_offset_ns` is CLOCK_REALTIME - CLOCK_BOOTTIME.

        The loop runs for every exec and every end on the recorded machine, so it is written out:
        a part that is known costs a slice and a look-up, and a named tuple is made without
        its Python-level constructor.
        """
        execs: list[Exec] = []
        ends: list[End] = []
        unreadable = 0
        creds, commands, places = self._creds, self._commands, self._places
        callers, new = self._callers, tuple.__new__
        for record in records:
            try:
                if record[wire.KIND_AT] == wire.KIND_END:
                    boot_ns, image_ns, image_pid, _, status, _ = _END(record)
                    if (boot_ns | image_ns) >> _NS_BITS:
                        raise BadRecord(f"an end at {boot_ns} of {image_ns}")
                    ends.append(new(End, (boot_ns, (image_ns, image_pid), status)))
                    continue
                (boot_ns, parent_ns, parent_pid, kind, pid, ppid, flags, error, where_len, caller,
                 filename_len, args_len) = _FIXED(record)  # fmt: skip
                where_at = _DATA_AT + filename_len + args_len
                end_at = where_at + where_len
                if (
                    end_at > len(record)
                    or kind not in _EXEC_KINDS
                    or (boot_ns | parent_ns) >> _NS_BITS
                ):
                    raise BadRecord(f"kind {kind}, {len(record)} bytes")
                fields = (
                    boot_ns + clock_offset_ns,
                    boot_ns,
                    pid,
                    ppid,
                    creds[record[_CREDS_AT:_COMMAND_AT]],
                    commands[record[_COMMAND_AT:where_at]],
                    places[record[where_at:end_at]],
                    (parent_ns, parent_pid) if parent_ns else None,
                    flags & wire.FLAG_REPLACES != 0,
                    _errno_name(error) if error else None,
                    callers[caller],
                )
                execs.append(new(Exec, fields))
            except (struct.error, IndexError, BadRecord):
                unreadable += 1
        return Decoded(execs, ends, unreadable)


_EXEC_KINDS = (wire.KIND_EXEC, wire.KIND_ATTEMPT)


def _errno_name(error: int) -> str:
    """`ENOENT`; a number the C library has no name for stays one."""
    return errno.errorcode.get(error, str(error))


class Known(dict[bytes, T]):
    """Parsed values by their bytes, parsed where missing. Forgets all when full, which costs a
    parse again and nothing else."""

    def __init__(self, parse: Callable[[bytes], T]) -> None:
        self._parse = parse
        self._bytes = 0

    def __missing__(self, raw: bytes) -> T:
        if len(self) >= _REMEMBERED or self._bytes >= _REMEMBERED_BYTES:
            self.clear()
            self._bytes = 0
        value = self[raw] = self._parse(raw)
        self._bytes += len(raw)
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


def _parse_caller(raw: bytes) -> str | None:
    return text_of(raw.partition(b"\0")[0]) or None


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


def parse_command(raw: bytes) -> Command:
    """A record from `argc` to the end of its arguments. Raises BadRecord."""
    argc, cut, filename_len, args_len, comm = _COMMAND.unpack_from(raw)
    data = raw[_COMMAND.size :]
    if filename_len + args_len != len(data):
        raise BadRecord(f"{len(data)} bytes where {filename_len} + {args_len} should be")
    truncated = bool(cut)
    argv = _split_args(data[filename_len:], argc, truncated)
    return Command(
        filename=text_of(data[:filename_len].partition(b"\0")[0]),
        comm=text_of(comm.partition(b"\0")[0]),
        argv=tuple(map(text_of, argv)),
        argc=argc,
        truncated=truncated or len(argv) != argc,
    )


def _split_args(raw: bytes, argc: int, truncated: bool) -> list[bytes]:
    """Each argument ends with a NUL; a cut area may end in the middle of one."""
    if not raw:
        return []
    return (raw[:-1] if raw.endswith(b"\0") else raw).split(b"\0")[:argc]
