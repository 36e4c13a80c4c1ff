"""Standard input, output and error: they may be closed, and the locale may not be UTF-8."""

import codecs
import contextlib
import io
import os
import sys
from typing import IO, Any, TextIO

from execdb.cli.output.escape import escape, limit_to_ascii
from execdb.cli.output.journal import is_journal, with_priority

UTF8_FORMATS = ("json", "ndjson", "csv")  # for programs: the same whatever the locale
# What tables and trees are drawn with, and its replacement. Recorded text is already escaped.
_DRAWN = {"─": "-", "│": "|", "├": "|", "└": "`", "…": "~"}
_to_journal = False  # whether stderr leads there; set_up looks


def set_up() -> None:
    """Replaces streams that were closed before the start: stdin is empty, stderr drops what is
    written, writing to stdout is an error. Characters that an encoding lacks are escaped."""
    for name, number, flags in (
        ("stdin", 0, os.O_RDONLY),
        ("stdout", 1, os.O_RDONLY),  # read-only, so that writing fails as on a closed one
        ("stderr", 2, os.O_WRONLY),
    ):
        if getattr(sys, name) is None:
            setattr(sys, name, _nothing_at(number, flags, "r" if name == "stdin" else "w"))
    global _to_journal
    _to_journal = is_journal(2, os.environ)
    codecs.register_error("execdb", _replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="execdb")
    limit_to_ascii(not _takes_utf8(sys.stdout))


def _nothing_at(number: int, flags: int, mode: str) -> IO[Any]:
    """Opens something at this descriptor, or a database could get it, and messages be written
    into its file."""
    opened = os.open(os.devnull, flags)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    return open(number, mode, closefd=False)


def _replace(error: UnicodeError) -> tuple[str, int]:
    """A codec's error handler (codecs.register_error)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_DRAWN.get(char) or _spelt(char) for char in missing), error.end


def _spelt(char: str) -> str:
    shown = escape(char)
    if not shown.isascii():
        shown = f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"
    return shown


def _takes_utf8(stream: TextIO) -> bool:
    return codecs.lookup(stream.encoding or "utf-8").name == "utf-8"


def encode_for(format: str) -> None:
    """Makes stdout UTF-8, whatever the locale, for formats that programs read."""
    if format in UTF8_FORMATS:
        limit_to_ascii(False)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="execdb")


def say(text: str) -> None:
    """Prints a line on stderr. Errors are ignored: the answer on stdout never depends on it."""
    line = escape(text)
    if _to_journal:
        line = with_priority(line)
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
