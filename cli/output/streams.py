"""Standard input, output and error, in whatever state they are and whatever the locale says."""

import codecs
import contextlib
import io
import os
import sys
from typing import IO, Any, TextIO

from execdb.cli.output.escape import escape, limit_to_ascii

UTF8_FORMATS = ("json", "ndjson", "csv")  # for programs, which take no account of a locale
# Ours, of tables and trees. Recorded text is escaped before: it cannot be taken for these.
_DRAWN = {"─": "-", "│": "|", "├": "|", "└": "`", "…": "~"}


def set_up() -> None:
    """Replaces streams that were closed before the start: reading gives nothing, messages are
    dropped, and writing an answer is an error. Characters that an encoding lacks are escaped."""
    for name, number, flags in (
        ("stdin", 0, os.O_RDONLY),
        ("stdout", 1, os.O_RDONLY),  # so that writing fails, as it does when nothing is there
        ("stderr", 2, os.O_WRONLY),
    ):
        if getattr(sys, name) is None:
            setattr(sys, name, _nothing_at(number, flags, "r" if name == "stdin" else "w"))
    codecs.register_error("execdb", _replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="execdb")
    limit_to_ascii(not _takes_utf8(sys.stdout))


def _nothing_at(number: int, flags: int, mode: str) -> IO[Any]:
    """Occupies the descriptor: else a database could get it, and text be written into the file."""
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
    """Makes stdout UTF-8, whatever the locale, if the format is one for programs."""
    if format in UTF8_FORMATS:
        limit_to_ascii(False)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="execdb")


def say(text: str) -> None:
    """A line on stderr, which may be full or gone: an answer on stdout never depends on it."""
    with contextlib.suppress(OSError, ValueError):
        print(escape(text), file=sys.stderr, flush=True)
