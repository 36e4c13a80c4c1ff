"""What a script may ask for: keyword filters, as `execdb query` has them as options."""

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from execdb.store.errors import UsageError
from execdb.store.event import raw_of
from execdb.store.reading.filter import Filter
from execdb.store.terms.parse import Reader
from execdb.store.terms.short_forms import merged, short_form
from execdb.store.terms.times import parse_time
from execdb.store.terms.users import uid_of
from execdb.store.times import local_time

Time = int | datetime | timedelta | str
"""A moment: nanoseconds since the epoch, a datetime (without a zone: local time), a timedelta
(that long ago), or text as `--since` takes it (`2h`, `yesterday`, `2026-01-31T03:00:00Z`,
`mark:TEXT`)."""

TimeOfMark = Callable[[str], int]  # when the mark with this text was made, in ns

_MARK = "mark:"
_NUMBER_MAX = 2**63 - 1
_TIME_MAX_NS = 2**62  # clocks are added to times
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Filters(TypedDict, total=False):
    """Which events. All that are given must hold; None is the same as not given. A list holds
    alternatives."""

    since: Time | None  # the first moment
    until: Time | None  # the first moment after
    uid: int | str | list[int | str] | None  # real user: a number or a name
    loginuid: int | str | list[int | str] | None  # who logged in, behind sudo
    pid: int | list[int] | None
    ppid: int | list[int] | None
    comm: str | list[str] | None  # task name; * and ? match
    path: str | list[str] | None  # the file as it was named; * and ? match
    arg: str | list[str] | None  # text within any argument
    message: str | list[str] | None  # exactly
    cgroup: str | list[str] | None  # control group; * and ? match
    host: str | list[str] | None  # name of the machine; * and ? match
    failed: bool | None  # True: a non-zero exit, a signal or a failed attempt; False: exit code 0
    running: bool | None  # True: only what has no end
    descendants_of: int | list[int] | None  # an event's id: what it started, and so on down


def filter_of(terms: Iterable[str], filters: Filters, time_of_mark: TimeOfMark) -> Filter:
    """The store's filter. Raises UsageError for a value that makes no sense, TypeError for a
    filter that there is not, ExecdbError for a mark that there is not."""
    given = {key: value for key, value in filters.items() if value is not None}
    span = given.pop("since", None), given.pop("until", None)
    since_ns, until_ns = span_of(*span, time_of_mark)
    unknown = given.keys() - _TERMS.keys() - _REST.keys()
    if unknown:
        raise TypeError(f"there is no filter {min(unknown)!r}")
    if given.get("running") and "failed" in given:
        raise UsageError("running and failed exclude each other")
    rest: dict[str, Any] = {key: _REST[key](key, given[key]) for key in given if key in _REST}
    short_forms = [
        short_form(key, _TERMS[key](key, value))
        for key in given
        if key in _TERMS
        for value in _alternatives(key, given[key])
    ]
    now_ns = time.time_ns()
    reader = Reader(uid_of, lambda text: parse_time(text, now_ns, say=_warn))
    asked = reader.terms(_text("a term", term) for term in terms)
    all_terms = merged((*asked, *short_forms))
    return Filter(all_terms, since_ns=since_ns, until_ns=until_ns, replays=True, **rest)


def span_of(since: Any, until: Any, time_of_mark: TimeOfMark) -> tuple[int | None, int | None]:
    """Two moments (Time or None) in nanoseconds since the epoch. Raises UsageError, and ExecdbError
    for a mark that there is not."""
    now_ns = time.time_ns()
    since, until = (
        time_of_mark(moment.removeprefix(_MARK))
        if isinstance(moment, str) and moment.startswith(_MARK)
        else moment
        for moment in (since, until)
    )
    since_ns = None if since is None else _moment("since", since, now_ns, later=False)
    until_ns = None if until is None else _moment("until", until, now_ns, later=True)
    if since_ns is not None and until_ns is not None and since_ns > until_ns:
        raise UsageError(f"since {local_time(since_ns)} is later than until {local_time(until_ns)}")
    return since_ns, until_ns


def _moment(name: str, value: Any, now_ns: int, *, later: bool) -> int:
    match value:
        case str():
            return parse_time(value, now_ns, later=later, say=_warn)
        case datetime():
            found = _nanoseconds(value.astimezone(UTC) - _EPOCH)
        case timedelta():
            found = now_ns - _nanoseconds(value)
        case _:
            found = _number(name, value)
    if abs(found) > _TIME_MAX_NS:
        raise UsageError(f"{name} {value} is outside of all times")
    return found


def _nanoseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1) * 1_000


def _warn(sentence: str) -> None:
    """What is to be said of a local time that occurred twice, or never."""
    warnings.warn(sentence.removeprefix("note: "), stacklevel=2)


def _alternatives(name: str, given: Any) -> list[Any]:
    if given == []:
        raise UsageError(f"{name} is an empty list, which no event can satisfy")
    return given if isinstance(given, list) else [given]


def _uid(name: str, value: Any) -> int:
    return uid_of(value if isinstance(value, str) else str(_number(name, value)))


def _number(name: str, value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{name} is a number, not {type(value).__name__}")
    if abs(value) > _NUMBER_MAX:
        raise UsageError(f"{name} {value} is too large")
    return value


def _numbers(name: str, given: Any) -> tuple[int, ...]:
    return tuple(_number(name, value) for value in _alternatives(name, given))


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is text, not {type(value).__name__}")
    try:
        raw_of(value)
    except UnicodeEncodeError:  # half of a surrogate pair
        raise UsageError(f"{name} {value!r} is text that no program can have") from None
    return value


def _flag(name: str, value: Any) -> bool:
    return bool(value)


_TERMS: Mapping[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(("uid", "loginuid"), _uid),
    **dict.fromkeys(("pid", "ppid"), _number),
    **dict.fromkeys(("comm", "path", "arg", "message", "cgroup", "host"), _text),
}
_REST: Mapping[str, Callable[[str, Any], Any]] = {
    "descendants_of": _numbers,
    **dict.fromkeys(("failed", "running"), _flag),
}
