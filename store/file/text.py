"""Recorded text in the file: bytes that are not UTF-8 are kept, as blobs."""

from typing import overload


@overload
def storable(text: str) -> str | bytes: ...
@overload
def storable(text: str | None) -> str | bytes | None: ...
def storable(text: str | None) -> str | bytes | None:
    """Text as SQLite can hold it: bytes that are not UTF-8 make it a blob, which reads back the
    same and which no reader of the file trips over."""
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
