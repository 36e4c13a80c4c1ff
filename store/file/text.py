"""Recorded text in the file: what is not UTF-8 is stored as a blob; and how long it may be."""

from collections.abc import Sequence
from typing import overload

# What an event may hold. Linux allows 2 MiB of arguments, with 8 bytes more for each, unless
# someone has raised the limit of the stack; a recorder keeps 48 KiB of them.
_ARGUMENTS_MAX = 2 << 20
COUNT_MAX = _ARGUMENTS_MAX // 9
NAME_MAX = 64 << 10  # characters; of a path Linux takes 4 KiB


@overload
def storable(text: str) -> str | bytes: ...
@overload
def storable(text: str | None) -> str | bytes | None: ...
def storable(text: str | None) -> str | bytes | None:
    """Text as SQLite can store it. Text with bytes that are not UTF-8 (surrogates in Python)
    becomes a blob of these bytes, which every reader of the file can read."""
    if text is None or text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")
    return text


@overload
def readable(value: str | bytes) -> str: ...
@overload
def readable(value: str | bytes | None) -> str | None: ...
def readable(value: str | bytes | None) -> str | None:
    """The inverse of `storable`."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def too_long(argv: Sequence[str]) -> bool:
    """Whether no program can have been given these arguments."""
    return sum(map(len, argv), 9 * len(argv)) > _ARGUMENTS_MAX
