"""Reads sizes such as 2GB. Pure."""

import re

from execdb.store.errors import UsageError

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([kmgt]?)(i?)b?", re.ASCII | re.IGNORECASE)


def parse_size(text: str) -> int:
    """Bytes: `2GB` is 2,000,000,000, `2GiB` is 2,147,483,648. Raises UsageError."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or (found[3] and not found[2]):
        raise UsageError(f"cannot read {text!r} as a size: give 500MB, 2GB or 2GiB")
    units = _BINARY if found[3] else _UNITS
    return int(float(found[1]) * units[found[2].lower()])
