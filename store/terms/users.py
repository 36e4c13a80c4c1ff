"""Users as people write them, to uids."""

import pwd
import re

from execdb.store.errors import UsageError
from execdb.store.uids import UID_MAX, check_uid

_DIGITS_MAX = 20  # of a uid worth reading


def uid_of(text: str) -> int:
    """A uid from a number or a user name. Raises UsageError."""
    if re.fullmatch(r"-?[0-9]+", text):
        if len(text) > _DIGITS_MAX:
            raise UsageError(f"uid {text[:_DIGITS_MAX]}... is outside 0..{UID_MAX}")
        return check_uid(int(text))
    try:
        return pwd.getpwnam(text).pw_uid
    except (KeyError, ValueError, UnicodeEncodeError):
        raise UsageError(f"there is no user {text!r} on this machine: give the number") from None
