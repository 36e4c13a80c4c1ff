"""What a config entry may be. Checked without the database, so that bad input never reaches it."""

from execdb.store.errors import ExecdbError, UsageError

MESSAGE_MAX = 12  # bytes of UTF-8; a message of 12 needs no NUL
ENTRIES_MAX = 10_240


class NoEntry(ExecdbError):
    """There is nothing to remove."""

    def __init__(self, uid: int) -> None:
        super().__init__(f"uid {uid} has no message of its own: there is nothing to remove")


def check_message(message: str) -> str:
    """Raises UsageError for a message the kernel's map cannot hold or a terminal should not see."""
    try:
        size = len(message.encode())
    except UnicodeEncodeError:
        raise UsageError("a message must be UTF-8 text") from None
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in message):
        raise UsageError("a message may not contain control characters")
    if size > MESSAGE_MAX:
        raise UsageError(f"a message has at most {MESSAGE_MAX} bytes of UTF-8, this one has {size}")
    return message
