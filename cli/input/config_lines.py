"""Messages and users, one a line, as `execdb config list` prints them. Pure, except for names of
users, which are a parameter."""

import re
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from execdb.store.config.entry import check_message
from execdb.store.errors import ExecdbError, UsageError

_BYTES_MAX = 1 << 20
_LINE = re.compile(r"(\S+)[ \t](.*)", re.DOTALL)


class Messages(NamedTuple):
    """By uid, and the default one; None if it is not named."""

    entries: dict[int, str]
    default: str | None


def read_stdin() -> bytes:
    """Raises UsageError for more than 1 MiB, ExecdbError if it cannot be read."""
    try:
        raw = sys.stdin.buffer.read(_BYTES_MAX + 1)
    except OSError as error:
        raise ExecdbError(f"cannot read stdin: {error.strerror}") from error
    if len(raw) > _BYTES_MAX:
        raise UsageError("stdin has more than 1 MiB: no list of users is so long")
    return raw


def messages_of(raw: bytes, uid_of: Callable[[str], int]) -> Messages:
    """Lines `UID MESSAGE` or `default MESSAGE`, with a space or a tab between. Of several about one
    user the last one counts. Raises UsageError with the line."""
    entries, default = {}, None
    for number, line in _lines(raw):
        found = _LINE.fullmatch(line)
        try:
            if found is None:
                raise UsageError("give UID MESSAGE")
            user, message = found.groups()
            if user == "default":
                default = check_message(message)
            else:
                entries[uid_of(user)] = check_message(message)
        except UsageError as error:
            raise UsageError(f"stdin, line {number}: {error}") from None
    return Messages(entries, default)


def uids_of(raw: bytes, uid_of: Callable[[str], int]) -> list[int]:
    """One a line. Raises UsageError with the line."""
    found: dict[int, None] = {}  # in order, each once
    for number, line in _lines(raw):
        try:
            found[uid_of(line.strip())] = None
        except UsageError as error:
            raise UsageError(f"stdin, line {number}: {error}") from None
    return list(found)


def _lines(raw: bytes) -> Iterator[tuple[int, str]]:
    """Those that are not empty, with their numbers."""
    for number, line in enumerate(raw.split(b"\n"), 1):
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise UsageError(f"stdin, line {number}: not UTF-8") from None
        if text.strip():
            yield number, text.removesuffix("\r")
