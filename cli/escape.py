"""Recorded text is hostile: what of it may reach a terminal, and how. Pure."""

import re

_PLAIN = re.compile(r"[\w@%+:,./-][\w@%+=:,./-]*", re.ASCII)  # zsh expands a leading =
_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def escape(text: str) -> str:
    """Control characters, bidirectional overrides and bytes that are not UTF-8 as \\n, \\x1b,
    \\xff, \\u202e; everything printable as it is."""
    return text if text.isprintable() else "".join(map(_escape_one, text))


def _escape_one(char: str) -> str:
    if char.isprintable():
        return char
    if char in _NAMED:
        return _NAMED[char]
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def quote(argument: str) -> str:
    """The argument as a shell (bash, zsh, ksh) would read it back: bare, '...' or $'...'."""
    if _PLAIN.fullmatch(argument):
        return argument
    if argument.isprintable():
        return "'" + argument.replace("'", "'\\''") + "'"
    inside = argument.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + escape(inside) + "'"
