"""A time in a table of sums, to the second."""

from execdb.store.times import local_time, rfc3339


def moment(time_ns: int, *, utc: bool, short: bool) -> str:
    """`2026-01-31 03:04:05`, local or UTC; `short`: without year and seconds."""
    text = rfc3339(time_ns) if utc else local_time(time_ns)
    if text.startswith("@"):  # after the year 9999
        return text
    return text[5 if short else 0 : 16 if short else 19].replace("T", " ")
