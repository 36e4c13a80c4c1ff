"""Reads lines of text from a file that is not trusted: UTF-8, plain or gzip, of bounded length."""

import os
import select
import zlib
from collections.abc import Iterator
from stat import S_ISREG

from execdb.store.errors import BadEvent

LINE_MAX = 1 << 20  # bytes; twice what execdb writes for the longest arguments that it records
_BLOCK = 1 << 16  # bytes
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


def read_lines(fd: int) -> Iterator[str]:
    """The lines of a file descriptor, without their ends. Waits for data, even if the descriptor is
    non-blocking. Raises BadEvent naming a line that is too long or not UTF-8, and for a damaged
    gzip file; OSError if it cannot be read."""
    number, rest = 1, b""
    for block in _plain(_blocks(fd)):
        end = block.rfind(b"\n") + 1
        whole, rest = (rest + block[:end], block[end:]) if end else (b"", rest + block)
        if max(whole.find(b"\n"), len(rest)) > LINE_MAX:
            line = number if whole.find(b"\n") > LINE_MAX else number + whole.count(b"\n")
            raise BadEvent(f"line {line} is longer than {LINE_MAX >> 20} MiB")
        lines = _decoded(whole, number).split("\n")
        del lines[-1]  # the empty text after the last line end
        yield from lines
        number += len(lines)
    if rest:
        yield _decoded(rest, number)


def are_at_hand(fd: int) -> bool:
    """Whether the lines of a descriptor come without waiting, and are as long as its file says: if
    it is a regular file that is not compressed, and can be read."""
    try:
        regular = S_ISREG(os.fstat(fd).st_mode)
        return regular and os.pread(fd, len(_GZIP), os.lseek(fd, 0, os.SEEK_CUR)) != _GZIP
    except OSError:  # whoever reads the lines says so
        return False


def _decoded(data: bytes, number: int) -> str:
    """The data as text. `number` is that of its first line in the file."""
    if number == 1:
        data = data.removeprefix(_BOM)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = number + data.count(b"\n", 0, error.start)
        raise BadEvent(f"line {line} is not UTF-8 ({error.reason})") from error


def _blocks(fd: int) -> Iterator[bytes]:
    while True:
        try:
            block = os.read(fd, _BLOCK)
        except BlockingIOError:
            select.select([fd], [], [])
            continue
        if not block:
            return
        yield block


def _plain(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same data, decompressed if it is gzip."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= len(_GZIP):
            break
    if head.startswith(_GZIP):
        yield from _inflated(head, blocks)
    else:
        yield head
        yield from blocks


def _inflated(head: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The content of one or more gzip members in a row, in pieces of bounded size."""
    inflate, begun, packed = zlib.decompressobj(31), False, head
    try:
        while packed or (packed := next(blocks, b"")):
            if not begun:
                packed = packed.lstrip(b"\0")  # padding between members
            while packed:
                begun = True
                yield inflate.decompress(packed, _BLOCK)
                packed = inflate.unconsumed_tail
                if inflate.eof:
                    packed, inflate, begun = inflate.unused_data, zlib.decompressobj(31), False
                    break
    except zlib.error as error:
        raise BadEvent(f"damaged gzip ({error})") from error
    if begun:
        raise BadEvent("damaged gzip (it ends too early)")
