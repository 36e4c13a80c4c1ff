"""Wall-clock times as text. Times are nanoseconds since 1970 (UTC), which may lie beyond the
year 9999, the last one that datetime knows."""

import time
from datetime import UTC, datetime
from functools import lru_cache


def rfc3339(time_ns: int) -> str:
    """`2026-01-02T03:04:05.123456789Z` (RFC 3339); `@SECONDS.NANOSECONDSZ` after the year 9999."""
    minutes, rest_ns = divmod(time_ns, 60_000_000_000)
    days, minute = divmod(minutes, 1_440)
    date = _date(days)
    if date is None:
        seconds, rest_ns = divmod(time_ns, 1_000_000_000)
        return f"@{seconds}.{rest_ns:09d}Z"
    digits = str(100_000_000_000 + rest_ns)  # quicker than a format that fills in zeros
    return f"{date}{_MINUTES[minute]}{digits[1:3]}.{digits[3:]}Z"


_MINUTES = [f"{hour:02d}:{minute:02d}:" for hour in range(24) for minute in range(60)]


@lru_cache(maxsize=4)  # events come in order and many share a day
def _date(days: int) -> str | None:
    """The text up to and including the T; None after the year 9999."""
    try:
        return datetime.fromtimestamp(days * 86_400, UTC).strftime("%Y-%m-%dT")
    except (ValueError, OverflowError, OSError):
        return None


def zone_name(*, utc: bool = False) -> str:
    """The zone that times are shown in: `UTC`, or this machine's, with its summer time."""
    return "UTC" if utc else "/".join(dict.fromkeys(time.tzname))


def local_time(time_ns: int) -> str:
    """`2026-01-31 03:04:05.678` in the local time zone; `@SECONDS` after the year 9999."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    try:
        text = datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"@{seconds}"
    return f"{text}.{rest // 1_000_000:03d}"
