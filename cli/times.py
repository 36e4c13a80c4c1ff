"""Points in time as people write them, to ns since the epoch. Pure but for the local zone."""

import re
from datetime import UTC, datetime, time

from execdb.store.errors import UsageError

_INT64 = 2**63 - 1
_DIGITS_MAX = 15
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhdw])", re.ASCII)
_FRACTION = re.compile(r"[.,](\d+)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def duration(time_ns: int) -> str:
    """`12 ms`, `3.2 s`, `5 min 3 s`, `2 h 5 min`, `3 d 4 h`."""
    seconds = time_ns / 1_000_000_000
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
    whole = int(seconds)
    for size, unit, less, smaller in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min")):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // less} {smaller}"
    return f"{whole // 60} min {whole % 60} s"


def parse_time(text: str, now_ns: int) -> int:
    """`10m`, `2h`, `3d` ago; RFC 3339; a local `2026-01-31`, `2026-01-31 03:00` or, today,
    `03:00`. Raises UsageError."""
    ago = _AGO.fullmatch(text.strip())
    try:
        return now_ns - _duration_ns(ago) if ago else _absolute_ns(text, now_ns)
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"cannot read {text!r} as a time: give 10m, 2h or 3d ago, 2026-01-31T03:00:00Z, "
            "or a local '2026-01-31 03:00'"
        ) from None


def parse_age(text: str) -> int:
    """`30d` or `12h`, in ns. Raises UsageError."""
    age = _AGO.fullmatch(text.strip())
    try:
        if age is not None:
            return _duration_ns(age)
    except OverflowError:
        pass
    raise UsageError(f"cannot read {text!r} as an age: give 30d, 12h or 90m")


def _duration_ns(ago: re.Match[str]) -> int:
    """Raises OverflowError for what lies before all time."""
    whole, _, fraction = ago[1].partition(".")
    unit_ns = _UNITS_S[ago[2]] * 1_000_000_000
    if len(whole) > _DIGITS_MAX or int(whole) * unit_ns > _INT64 // 2:
        raise OverflowError
    return int(whole) * unit_ns + int(f"0{fraction[:9]:0<9}") * unit_ns // 1_000_000_000


def _absolute_ns(text: str, now_ns: int) -> int:
    fraction = _FRACTION.search(text)
    whole = _FRACTION.sub("", text.strip(), count=1)
    moment = _moment(whole, now_ns)
    if moment.tzinfo is None:
        moment = moment.astimezone()
    since = moment - _EPOCH
    nanoseconds = int(fraction[1][:9].ljust(9, "0")) if fraction else 0
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + nanoseconds


def _moment(text: str, now_ns: int) -> datetime:
    if re.fullmatch(r"\d\d?:\d\d(:\d\d)?", text, re.ASCII):
        today = datetime.fromtimestamp(now_ns // 1_000_000_000).date()
        return datetime.combine(
            today, time.fromisoformat(text.zfill(len(text) + text.find(":") % 2))
        )
    return datetime.fromisoformat(text)
