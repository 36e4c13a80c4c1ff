"""Which numbers are users."""

from execdb.store.errors import UsageError

UID_MAX = 4_294_967_294  # 4294967295 is (uid_t) -1, which is no user


def check_uid(uid: int) -> int:
    """Raises UsageError outside 0..4294967294."""
    if not 0 <= uid <= UID_MAX:
        raise UsageError(f"uid {uid} is outside 0..{UID_MAX}")
    return uid
