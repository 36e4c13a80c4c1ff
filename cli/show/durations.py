"""Durations as people write them."""

_SECOND_NS = 1_000_000_000


def duration(time_ns: int) -> str:
    """`12 ms`, `3.2 s`, `5 min 3 s`, `2 h 5 min`, `3 d 4 h`."""
    seconds = time_ns / _SECOND_NS
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
    whole = int(seconds)
    for size, unit, less, smaller in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min")):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // less} {smaller}"
    return f"{whole // 60} min {whole % 60} s"
