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


def compact(time_ns: int) -> str:
    """`40us`, `12ms`, `3.2s`, `5m03s`, `2h05m`, `3d04h`: as terms are written, in up to 6
    characters below 100 days."""
    seconds = time_ns // _SECOND_NS
    if seconds >= 60:
        for size, unit, less, smaller in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m")):
            if seconds >= size:
                return f"{seconds // size}{unit}{seconds % size // less:02d}{smaller}"
        return f"{seconds // 60}m{seconds % 60:02d}s"
    if seconds:
        return f"{time_ns // (_SECOND_NS // 10) / 10:.1f}s"
    return f"{time_ns // 1_000_000}ms" if time_ns >= 1_000_000 else f"{time_ns // 1_000}us"
