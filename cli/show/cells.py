"""Recorded text as cells of a CSV file, which a spreadsheet must neither run nor hide."""

import re

from execdb.cli.output.escape import escape
from execdb.store.json_text import json_of

# What makes a cell a formula (OWASP, "CSV Injection"), and the full-width forms that some
# spreadsheets accept as well. Tabs and carriage returns have been escaped before.
_RUN = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_BEGINS = re.compile(f"[\\s\"']*[{_RUN}]")
_PLAIN = re.compile("[A-Za-z0-9/][ -:<-~]*").fullmatch  # most texts: ASCII without a `;`
# Where `;` separates cells, as in much of Europe, a formula may also begin within a text.
_BEGINS_LATER = re.compile(f"(;[\\s\"'\\\\]*)([{_RUN}])")


def cell(text: str) -> str:
    """The text, escaped as on a terminal. If it would be a formula, it starts with a `'`, as one
    enters such a text in a spreadsheet."""
    if _PLAIN(text):
        return text
    shown = _BEGINS_LATER.sub(lambda found: found[1] + _as_hexadecimal(found[2]), escape(text))
    return "'" + shown if _BEGINS.match(shown) else shown


def _as_hexadecimal(char: str) -> str:
    return f"\\x{ord(char):02x}" if char.isascii() else f"\\u{ord(char):04x}"


def json_cell(texts: tuple[str, ...]) -> str:
    """A JSON array of these texts, which is as harmless as a `cell` but can be read back."""
    shown = json_of(texts)
    if escape(shown) != shown:
        shown = "".join(char if escape(char) == char else _in_json(char) for char in shown)
    elif ";" not in shown:
        return shown
    return _BEGINS_LATER.sub(lambda found: found[1] + _in_json(found[2]), shown)


def _in_json(char: str) -> str:
    """The character as an escape of JSON: beyond U+FFFF as a pair of surrogates (RFC 8259, section
    7)."""
    raw = char.encode("utf-16-be")
    return "".join(f"\\u{raw[at : at + 2].hex()}" for at in range(0, len(raw), 2))
