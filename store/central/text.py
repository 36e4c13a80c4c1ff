"""Recorded text in PostgreSQL, whose text is UTF-8 without NUL.

A byte that is not UTF-8 (a surrogate in Python), and NUL, is kept as the character U+10FF00 plus
the byte, of a private use area; a recorded character of that area as its four bytes. So every text
has exactly one form and comes back as it was.
"""

import re

_BASE = 0x10FF00
_AREA = re.compile("[\0\ud800-\udfff\U0010ff00-\U0010ffff]")
_KEPT = re.compile("[\U0010ff00-\U0010ffff]")
_COPY = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def to_central(text: str) -> str:
    """Text as PostgreSQL can hold it."""
    return text if text.isascii() and "\0" not in text else _AREA.sub(_bytes_as_characters, text)


def from_central(text: str) -> str:
    """The inverse of `to_central`."""
    if text.isascii() or not _KEPT.search(text):
        return text
    raw = b"".join(
        bytes((ord(char) & 0xFF,))
        if ord(char) >= _BASE
        else char.encode("utf-8", "surrogateescape")
        for char in text
    )
    return raw.decode("utf-8", "surrogateescape")


def _bytes_as_characters(match: re.Match[str]) -> str:
    raw = match[0].encode("utf-8", "surrogateescape" if match[0] != "\0" else "strict")
    return "".join(chr(_BASE + byte) for byte in raw)


def copied(value: str | int | bool | None) -> str:
    """A value as COPY reads it in its text format."""
    if value is None:
        return "\\N"
    if isinstance(value, str):
        if value.isascii() and value.isprintable() and "\\" not in value:  # nearly all
            return value
        return to_central(value).translate(_COPY)
    if isinstance(value, bool):
        return "t" if value else "f"
    return str(value)
