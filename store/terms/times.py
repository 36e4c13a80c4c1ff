"""Points in time as people write them, to ns since the epoch. Pure, except for the local zone."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

from execdb.store.errors import UsageError

_INT64 = 2**63 - 1
_SECOND_NS = 1_000_000_000
_DIGITS_MAX = 15
_SHOWN_MAX = 60  # characters of what was not understood
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])", re.ASCII)
_AGO = re.compile(f"(?:{_PART.pattern})+", re.ASCII)
_WORDS = re.compile(
    r"(\d+) *(s|m|h|d|w|secs?|seconds?|mins?|minutes?|hours?|days?|weeks?) +ago", re.ASCII
)
_LENGTH = re.compile(r"(?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h|d))+", re.ASCII)
_LENGTH_PART = re.compile(r"(\d+)(?:\.(\d+))?(ns|us|ms|s|m|h|d)", re.ASCII)
_UNITS_NS = {
    "ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9,
    "d": 86_400 * 10**9,
}  # fmt: skip
_EPOCH_S = re.compile(r"@(-?\d{1,15})(?:\.(\d{1,9}))?Z?", re.ASCII)  # Z: `rfc3339` past 9999
_DIGITS = re.compile(r"@?(\d{9,23})", re.ASCII)
_FRACTION = re.compile(r"[.,](\d+)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time(
    text: str, now_ns: int, *, later: bool = False, say: Callable[[str], None] = lambda _: None
) -> int:
    """`10m`, `1h30m`, `1 hour ago`; `today`, `yesterday`; RFC 3339; a local `2026-01-31`,
    `2026-01-31 03:00` or, today, `03:00`; `@SECONDS` since 1970. Raises UsageError.

    Of a local time that occurred twice, because the clocks went back, the earlier one is used, or
    with `later` the later one. For one that the clocks skipped it is the moment of the change.
    `say` gets a note of either.
    """
    text = text.strip()
    try:
        return _parse(text, now_ns, later, say)
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"cannot read {_short(text)} as a time: give 10m, 2h or 3d ago, today, yesterday, "
            "2026-01-31T03:00:00Z, @1769828400, or a local '2026-01-31 03:00'"
        ) from None


def _parse(text: str, now_ns: int, later: bool, say: Callable[[str], None]) -> int:
    if _AGO.fullmatch(text):
        return now_ns - _duration_ns(text)
    words = _WORDS.fullmatch(text.lower())
    if words:
        return now_ns - _duration_ns(words[1] + words[2][0])
    if _DIGITS.fullmatch(text):
        _require_seconds(text)
    if epoch := _EPOCH_S.fullmatch(text):
        return int(epoch[1]) * _SECOND_NS + int(f"{epoch[2] or '':0<9}")
    return _absolute_ns(text, now_ns, later, say)


def _require_seconds(text: str) -> None:
    """Raises UsageError for a bare number, which lacks the `@` of seconds, and for milliseconds,
    microseconds and nanoseconds, in which other programs count."""
    digits = text.removeprefix("@")
    smaller = next((n for n, least in ((9, 18), (6, 15), (3, 12)) if len(digits) >= least), 0)
    wanted = f"@{digits[:-smaller]}.{digits[-smaller:]}" if smaller else f"@{digits}"
    if wanted != text:
        raise UsageError(f"{text} is no time: as seconds since 1970 it is {wanted}")


def parse_age(text: str) -> int:
    """`30d`, `12h` or `1h30m`, in ns. Raises UsageError."""
    try:
        if _AGO.fullmatch(text.strip()):
            return _duration_ns(text.strip())
    except OverflowError:
        pass
    raise UsageError(f"cannot read {_short(text)} as an age: give 30d, 12h or 90m")


def parse_length(text: str) -> int | None:
    """`200ms`, `5s`, `1h30m`, in ns; None if it is no length of time, or nothing at all."""
    total_ns = 0
    for whole, part, unit in _LENGTH_PART.findall(text if _LENGTH.fullmatch(text) else ""):
        unit_ns = _UNITS_NS[unit]
        total_ns += int(whole[:20]) * unit_ns + int(f"0{part[:9]:0<9}") * unit_ns // 10**9
    return total_ns if 0 < total_ns <= _INT64 else None


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}...")


def _duration_ns(text: str) -> int:
    """Raises OverflowError for what lies before all time."""
    total_ns = 0
    for number, unit in _PART.findall(text):
        whole, _, fraction = number.partition(".")
        unit_ns = _UNITS_S[unit] * _SECOND_NS
        if len(whole) > _DIGITS_MAX or int(whole) * unit_ns > _INT64 // 2:
            raise OverflowError
        total_ns += int(whole) * unit_ns + int(f"0{fraction[:9]:0<9}") * unit_ns // _SECOND_NS
    if total_ns > _INT64 // 2:
        raise OverflowError
    return total_ns


def _absolute_ns(text: str, now_ns: int, later: bool, say: Callable[[str], None]) -> int:
    if not text.isascii():  # digits of other scripts, which Python would read
        raise ValueError
    fraction = _FRACTION.search(text)
    whole = _FRACTION.sub("", text, count=1)
    moment = named = _moment(whole, now_ns)
    if moment.tzinfo is None and re.search("[T: ]", whole) is None:
        moment = first_of_day(moment)
    elif moment.tzinfo is None:
        moment = _in_zone(moment, later, say)
    since = moment - _EPOCH
    is_named = moment.replace(tzinfo=named.tzinfo) == named  # else the clocks skipped it
    nanoseconds = int(fraction[1][:9].ljust(9, "0")) if fraction and is_named else 0
    return (since.days * 86_400 + since.seconds) * _SECOND_NS + nanoseconds


def _moment(text: str, now_ns: int) -> datetime:
    today = datetime.fromtimestamp(now_ns // _SECOND_NS).date()
    if text.lower() == "today":
        return datetime.combine(today, time())
    if text.lower() == "yesterday":
        return datetime.combine(today - timedelta(days=1), time())
    if re.fullmatch(r"\d\d?:\d\d(:\d\d)?", text, re.ASCII):
        return datetime.combine(
            today, time.fromisoformat(text.zfill(len(text) + text.find(":") % 2))
        )
    return datetime.fromisoformat(text)


def _in_zone(local: datetime, later: bool, say: Callable[[str], None]) -> datetime:
    """A local time with its zone. One that the clocks skipped becomes the moment of the change:
    every event is before both or after both."""
    first, last = _both(local)
    if first.replace(tzinfo=None) != local:
        jump = _jump(first, last)
        before = jump.astimezone(first.tzinfo).replace(tzinfo=None)
        say(
            f"note: {local} does not exist, because the clocks went forward from {before} to "
            f"{jump.replace(tzinfo=None)}: using that moment"
        )
        return jump
    if first == last:
        return first
    chosen, other = (last, first) if later else (first, last)
    say(
        f"note: {local} occurred twice, because the clocks went back: using {chosen}, "
        f"the {'later' if later else 'earlier'} one; the other is {other}"
    )
    return chosen


def _both(local: datetime) -> list[datetime]:
    """The two readings of a local time (PEP 495), which differ where the clocks were changed."""
    return sorted(local.replace(fold=fold).astimezone() for fold in (0, 1))


def first_of_day(midnight: datetime) -> datetime:
    """When a day begins, even if the clocks skip its first hour or repeat it."""
    first, last = _both(midnight)
    return first if first.replace(tzinfo=None) == midnight else _jump(first, last)


def _jump(before: datetime, behind: datetime) -> datetime:
    """The moment between these two at which the clocks went forward, to the second."""
    while behind - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(behind - before) // timedelta(seconds=2))
        middle = middle.astimezone()
        if middle.utcoffset() == before.utcoffset():
            before = middle
        else:
            behind = middle
    return behind
