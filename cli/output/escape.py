"""Makes recorded text safe to show: it is untrusted, and could otherwise control the terminal.
Pure functions, except for `limit_to_ascii`."""

import re

_PLAIN = re.compile(r"[\w@%+:,./-][\w@%+=:,./-]*", re.ASCII)  # zsh expands a leading =
_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
# Printable for Python, but without width or blank (Default_Ignorable_Code_Point in Unicode's
# DerivedCoreProperties.txt, and the empty Braille pattern). Python escapes all others.
_INVISIBLE = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef"
)
_ANYWHERE, _BEYOND_ASCII = re.compile(f"[{_INVISIBLE}]"), re.compile("[^\x00-\x7f]")
_unwanted = _ANYWHERE


def limit_to_ascii(wanted: bool) -> None:
    """Switches escaping of everything beyond ASCII, for terminals without UTF-8."""
    global _unwanted
    _unwanted = _BEYOND_ASCII if wanted else _ANYWHERE


def escape(text: str) -> str:
    """Writes control characters, invisible ones, ones that change the direction of text, and bytes
    that are not UTF-8 as \\n, \\x1b, \\u202e, \\xff. Keeps everything else."""
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
    """The argument quoted for a shell (bash, zsh, ksh) where needed: bare, '...' or $'...'."""
    if _PLAIN.fullmatch(argument):
        return argument
    if _is_shown(argument):
        return "'" + argument.replace("'", "'\\''") + "'"
    inside = argument.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + escape(inside) + "'"
