"""Recorded text is hostile: what of it may reach a terminal, and how. Pure, but for
`limit_to_ascii`."""

import re

_PLAIN = re.compile(r"[\w@%+:,./-][\w@%+=:,./-]*", re.ASCII)  # zsh expands a leading =
_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
# Printable to Python, but of no width or blank (Default_Ignorable_Code_Point in Unicode's
# DerivedCoreProperties.txt, and the empty Braille pattern). All others are not printable.
_INVISIBLE = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef"
)
_ANYWHERE, _BEYOND_ASCII = re.compile(f"[{_INVISIBLE}]"), re.compile("[^\x00-\x7f]")
_unwanted = _ANYWHERE


def limit_to_ascii(wanted: bool) -> None:
    """Whether everything beyond ASCII is to be escaped: for a terminal that does not take UTF-8."""
    global _unwanted
    _unwanted = _BEYOND_ASCII if wanted else _ANYWHERE


def escape(text: str) -> str:
    """Control characters, what is invisible or changes the direction of text, and bytes that are
    not UTF-8 as \\n, \\x1b, \\u202e, \\xff; everything else as it is."""
    return text if _is_shown(text) else "".join(map(_escape_one, text))


def _is_shown(text: str) -> bool:
    return text.isprintable() and (text.isascii() or _unwanted.search(text) is None)


def _escape_one(char: str) -> str:
    if _is_shown(char):
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
    if _is_shown(argument):
        return "'" + argument.replace("'", "'\\''") + "'"
    inside = argument.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + escape(inside) + "'"
