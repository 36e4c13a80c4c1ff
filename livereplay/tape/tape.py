"""The tape: system calls, laid out for the stub.

Entries of 64 bytes {number, six arguments, where to continue} come first; from DATA on there is
what they point to. An entry is called by its number, data by its address in the stub's memory.
Nothing here writes a file: `write` is given.
"""

import struct
from array import array
from collections.abc import Callable, Sequence

from execdb.livereplay.tape.stub import BASE, MARK

DATA = 1 << 30  # offset in the file
BYTES_MAX = 1 << 30  # of entries and data together
ENTRY_BYTES = 64
_ENTRY = struct.Struct("<8Q")
_WINDOW = 1 << 16  # pages that the kernel maps together when one of them is touched
_MASK = (1 << 64) - 1
_BUFFER = 1 << 20
_TEXTS_MAX = 100_000
_SECOND_NS = 1_000_000_000
CLOCK_MONOTONIC, TIMER_ABSTIME = 1, 1
MADV_POPULATE_READ = 22

NUMBERS = {
    "x86_64": {
        **{"write": 1, "close": 3, "mmap": 9, "madvise": 28, "clone": 56, "execve": 59},
        **{"wait4": 61, "kill": 62, "chdir": 80, "setresuid": 117, "setresgid": 119, "prctl": 157},
        **{"futex": 202, "restart_syscall": 219, "clock_gettime": 228, "clock_nanosleep": 230},
        **{"exit_group": 231, "openat": 257, "dup3": 292, "memfd_create": 319, "execveat": 322},
    },
    "aarch64": {
        **{"write": 64, "close": 57, "mmap": 222, "madvise": 233, "clone": 220, "execve": 221},
        **{"wait4": 260, "kill": 129, "chdir": 49, "setresuid": 147, "setresgid": 149},
        **{"prctl": 167, "futex": 98, "restart_syscall": 128, "clock_gettime": 113},
        **{"clock_nanosleep": 115, "exit_group": 94, "openat": 56, "dup3": 24},
        **{"memfd_create": 279, "execveat": 281},
    },
}


class TooLong(ValueError):
    """The tape would be longer than BYTES_MAX."""


class _Part:
    """Grows at its end; what is complete is handed on, and patched there."""

    def __init__(self, offset: int, write: Callable[[int, bytes], object]) -> None:
        self._offset, self._write = offset, write
        self._done, self._buffer = 0, bytearray()

    def __len__(self) -> int:
        return self._done + len(self._buffer)

    def append(self, raw: bytes) -> None:
        self._buffer += raw
        if len(self._buffer) >= _BUFFER:
            self.flush()

    def patch(self, at: int, raw: bytes) -> None:
        if at >= self._done:
            at -= self._done
            self._buffer[at : at + len(raw)] = raw
        else:
            self._write(self._offset + at, raw)

    def skip(self, size: int) -> None:
        """Leaves a part zero, which takes no memory until somebody writes there."""
        self.flush()
        self._done += size

    def flush(self) -> None:
        self._write(self._offset + self._done, bytes(self._buffer))
        self._done += len(self._buffer)
        self._buffer.clear()


class Tape:
    """`write` puts bytes at an offset of the tape's file. `times` are the offsets in the data of
    moments, which are relative to the start until it is known (`started`)."""

    def __init__(self, machine: str, write: Callable[[int, bytes], object]) -> None:
        self.machine, self._numbers = machine, NUMBERS[machine]
        self._code, self._data = _Part(0, write), _Part(DATA, write)
        self.times = array("I")
        self._texts: dict[bytes, int] = {}

    def __len__(self) -> int:
        """In bytes."""
        return len(self._code) + len(self._data)

    def here(self) -> int:
        """The number of the next entry."""
        return len(self._code) // ENTRY_BYTES

    def call(self, name: str, *arguments: int) -> int:
        """Appends an entry. Its number. Raises TooLong."""
        number = self.here()
        words = [*arguments, 0, 0, 0, 0, 0, 0][:6]
        self._code.append(_ENTRY.pack(self._numbers[name], *(word & _MASK for word in words), 0))
        if len(self) > BYTES_MAX:
            raise TooLong
        return number

    def continue_at(self, entry: int, target: int) -> None:
        """Makes the entry continue there if its call returns 0, as clone does in the child."""
        self._code.patch(entry * ENTRY_BYTES + 56, _word(BASE + target * ENTRY_BYTES))

    def jump(self) -> int:
        """Appends an entry that returns 0 and has no other effect, to be given a target."""
        return self.call("clock_gettime", CLOCK_MONOTONIC, self.scratch)

    @property
    def scratch(self) -> int:
        """16 bytes that nobody reads."""
        found = self._texts.get(b"\0scratch")
        if found is None:
            found = self._texts[b"\0scratch"] = self.put(bytes(16), 8)
        return found

    def cancel(self, entry: int) -> None:
        """Makes the entry one that has no effect."""
        self._code.patch(entry * ENTRY_BYTES, _word(self._numbers["clock_gettime"]))
        self.set_argument(entry, 1, CLOCK_MONOTONIC)
        self.set_argument(entry, 2, self.scratch)

    def set_argument(self, entry: int, which: int, value: int) -> None:
        """`which` from 1 to 6."""
        self._code.patch(entry * ENTRY_BYTES + 8 * which, _word(value))

    @staticmethod
    def argument_at(entry: int, which: int) -> int:
        """The address of an argument, for calls that write there."""
        return BASE + entry * ENTRY_BYTES + 8 * which

    def put(self, raw: bytes, align: int = 1) -> int:
        """Appends data. Its address."""
        at = len(self._data)
        padding = -at % align
        self._data.append(bytes(padding) + raw)
        return BASE + DATA + at + padding

    def reserve(self, size: int) -> int:
        """A part of the data that is zero until somebody writes there. Its address."""
        address = self.put(bytes(-len(self._data) % 16), 16)
        self._data.skip(size)
        return address

    def word(self, address: int, value: int) -> None:
        """Writes 8 bytes of data."""
        self._data.patch(address - BASE - DATA, _word(value))

    def text(self, raw: bytes) -> int:
        """A C string; equal ones are one, as long as there are few."""
        found = self._texts.get(raw)
        if found is None:
            found = self.put(raw + b"\0")
            if len(self._texts) < _TEXTS_MAX:
                self._texts[raw] = found
        return found

    def block(self, name: bytes, argv: Sequence[bytes]) -> "Block":
        """What an exec needs, side by side: its moment, arguments, environment and name. The kernel
        maps the pages around the one from which it reads the moment, so that tracers which look at
        the arguments before the kernel does find them."""
        mark = b"%s=%010d" % (MARK, 0)
        texts = (*argv, name, mark)
        size = 16 + 8 * (len(argv) + 3) + sum(map(len, texts)) + len(texts)
        at = len(self._data)
        padding = -at % 8
        if size <= _WINDOW and (at + padding) % _WINDOW + size > _WINDOW:
            padding = -at % _WINDOW
        base = self.put(bytes(padding)) + padding
        first, last = base & -4096, (base + size) & -4096
        if last > first:
            self.call("madvise", first, last - first + 4096, MADV_POPULATE_READ)
        pointers, place = [], base + 16 + 8 * (len(argv) + 3)
        for text in texts:
            pointers.append(place)
            place += len(text) + 1
        *arguments, path, variable = pointers
        words = struct.pack(f"<{len(argv) + 5}Q", 0, 0, *arguments, 0, variable, 0)
        self._data.append(words + b"\0".join(texts) + b"\0")
        return Block(
            base, path, base + 16, base + 16 + 8 * (len(argv) + 1), variable + len(MARK) + 1
        )

    def set_environment(self, block: "Block", entry: int) -> None:
        """Where the program that the block starts finds its place."""
        self._data.patch(block.place - BASE - DATA, b"%010d" % entry)

    def until(self, at_ns: int, moment: int = 0) -> None:
        """Waits until so long after the start. `moment` is the address of 16 bytes for it."""
        moment = moment or self.put(bytes(16), 8)
        self._data.patch(moment - BASE - DATA, struct.pack("<qq", *divmod(at_ns, _SECOND_NS)))
        self.times.append(moment - BASE - DATA)
        self.call("clock_nanosleep", CLOCK_MONOTONIC, TIMER_ABSTIME, moment)

    def flush(self) -> None:
        """Writes what is not yet written."""
        self._code.flush()
        self._data.flush()


class Block:
    """Addresses of the parts of a block; `place` is where the environment names an entry."""

    __slots__ = ("arguments", "environment", "moment", "path", "place")

    def __init__(
        self, moment: int, path: int, arguments: int, environment: int, place: int
    ) -> None:
        self.moment, self.path, self.place = moment, path, place
        self.arguments, self.environment = arguments, environment


def started(
    times: "array[int]",
    shift_ns: int,
    read: Callable[[int, int], bytes],
    write: Callable[[int, bytes], object],
) -> None:
    """Moves all moments of a tape's file, which are in the order of `times`, by `shift_ns`."""
    at, pair = 0, struct.Struct("<qq")
    while at < len(times):
        first, begin = times[at], at
        while at < len(times) and 0 <= times[at] - first < _BUFFER:
            at += 1
        last = max(times[begin:at])
        raw = bytearray(read(DATA + first, last - first + 16))
        for where in times[begin:at]:
            seconds, ns = pair.unpack_from(raw, where - first)
            moved_ns = seconds * _SECOND_NS + ns + shift_ns
            pair.pack_into(raw, where - first, *divmod(moved_ns, _SECOND_NS))
        write(DATA + first, bytes(raw))


def _word(value: int) -> bytes:
    return struct.pack("<Q", value & _MASK)
