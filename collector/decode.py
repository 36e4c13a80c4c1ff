"""From a record (raw bytes, as in bpf/execdb.h) to an event. Pure."""

import struct
from collections.abc import Iterable

from execdb.bpf import wire
from execdb.store.event import Command, Creds, Exec, text_of

_REMEMBERED = 8_192  # values of a kind
_REMEMBERED_BYTES = 4_000_000

_CREDS_AT = wire.LAYOUT["uid"][0]
_COMMAND_AT = wire.LAYOUT["argc"][0]
_FIXED = struct.Struct("=QII 24x 8x II 16x")  # boot_ns, pid, ppid, filename_len, args_len
_CREDS = struct.Struct("=III12s")
_COMMAND = struct.Struct("=IIII16s")
_DATA_AT = wire.EXEC.size


class BadRecord(ValueError):
    """The bytes are not a record that the program writes."""


class Decoder:
    """Decodes records; remembers the parts that recur, so that a known command is one
    dictionary look-up instead of a parse of its arguments."""

    def __init__(self) -> None:
        self._creds: dict[bytes, Creds] = {}
        self._commands: dict[bytes, Command] = {}
        self._bytes = 0

    def decode(self, records: Iterable[bytes], clock_offset_ns: int) -> tuple[list[Exec], int]:
        """The events in the order of their records, and how many records were unreadable.

        `clock_offset_ns` is CLOCK_REALTIME - CLOCK_BOOTTIME. The loop runs once an exec on the
        recorded machine: known parts cost a slice and a look-up each.
        """
        events: list[Exec] = []
        bad = 0
        known_creds, known_commands, make = self._creds.get, self._commands.get, Exec._make
        for record in records:
            try:
                boot_ns, pid, ppid, filename_len, args_len = _FIXED.unpack_from(record)
                creds = record[_CREDS_AT:_COMMAND_AT]
                command = record[_COMMAND_AT : _DATA_AT + filename_len + args_len]
                events.append(
                    make(
                        (
                            boot_ns + clock_offset_ns,
                            boot_ns,
                            pid,
                            ppid,
                            known_creds(creds) or self._new_creds(creds),
                            known_commands(command) or self._new_command(command),
                        )
                    )
                )
            except (struct.error, BadRecord):
                bad += 1
        return events, bad

    def _new_creds(self, raw: bytes) -> Creds:
        if len(self._creds) >= _REMEMBERED:
            self._creds.clear()
        uid, euid, gid, message = _CREDS.unpack(raw)
        found = self._creds[raw] = Creds(uid, euid, gid, text_of(message.rstrip(b"\0")))
        return found

    def _new_command(self, raw: bytes) -> Command:
        if len(self._commands) >= _REMEMBERED or self._bytes >= _REMEMBERED_BYTES:
            self._commands.clear()
            self._bytes = 0
        found = self._commands[raw] = parse_command(raw)
        self._bytes += len(raw)
        return found


def parse_command(raw: bytes) -> Command:
    """A record from `argc` to the end of its arguments. Raises BadRecord."""
    argc, flags, filename_len, args_len, comm = _COMMAND.unpack_from(raw)
    data = raw[_COMMAND.size :]
    if filename_len + args_len != len(data):
        raise BadRecord(f"{len(data)} bytes where {filename_len} + {args_len} should be")
    truncated = bool(flags & wire.FLAG_TRUNCATED)
    argv = _split_args(data[filename_len:], argc, truncated)
    return Command(
        filename=text_of(data[:filename_len].rstrip(b"\0")),
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
