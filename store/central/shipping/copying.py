"""Rows of a file as lines of COPY, in the order of `layout.COLUMNS`."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from execdb.store.central.tables.layout import COMMAND
from execdb.store.central.text import copied
from execdb.store.file.text import readable
from execdb.store.json_text import json_of_texts
from execdb.store.segments.dictionary_cache import DictionaryCache
from execdb.store.segments.segment import Segment
from execdb.store.times import rfc3339

_ARGV = [field.name for field in COMMAND].index("argv")
_DAY_S = 86_400
_DAY_NS = _DAY_S * 10**9
_DATE = len("2026-01-31T")
_KNOWN_MAX = 16_384
NO_DAY = -1
_SECOND_NS = 1_000_000_000
_SECONDS = [f"{number:02d}." for number in range(60)]
_MINUTES = [f"{number // 60:02d}:{number % 60:02d}:" for number in range(_DAY_S // 60)]
_NULL = "\\N"
_DID_NOT_FAIL = f"{_NULL}\t{_NULL}"  # errno, caller
Redact = Callable[[tuple[str, ...]], tuple[str, ...]]


class Line(NamedTuple):
    """A row as COPY reads it. `day` counts days since 1970 (UTC), or is NO_DAY for a row without a
    partition; `open` says whether an end may still come."""

    id: int
    day: int
    time_ns: int
    open: bool
    text: str


def day_of(time_ns: int) -> int:
    """The day of a time in ns since 1970, as the number of days since then (UTC)."""
    return max(0, time_ns // _DAY_NS)


def stamp(time_ns: int) -> str:
    """The columns `time` and `nanos`."""
    text = rfc3339(time_ns)
    return f"{text[:26]}Z\t{text[26:29]}"


class Copier:
    """Turns rows into lines. `cache` must have the dictionary entries of these rows. The text of an
    entry that recurs is made once for each segment."""

    def __init__(self, cache: DictionaryCache, redact: Redact | None) -> None:
        self._cache, self._redact = cache, redact
        self._origins: dict[int, str] = {}
        self._commands: dict[int, str] = {}
        self._first_entry_id: int | None = None

    def lines(self, run_id: int, segment: Segment, rows: Sequence[Any]) -> list[Line]:
        """Raises KeyError if a row refers to an entry that is not there."""
        if segment.first_entry_id != self._first_entry_id or len(self._commands) > _KNOWN_MAX:
            self._origins.clear()
            self._commands.clear()
            self._first_entry_id = segment.first_entry_id
        origins, commands, offset_ns = self._origins, self._commands, segment.offset_ns
        new, day, begin_s, date, until_second = tuple.__new__, NO_DAY, 0, "", ""
        second: int | None = None
        add = (found := list[Line]()).append
        for (id_, time_ns, pid, ppid, _, origin_id, _, command_id, parent_id, status,
             duration_ns, errno, caller, ns_pid, cpu_ns, rss_kb) in rows:  # fmt: skip
            now, part_ns = divmod(time_ns, _SECOND_NS)
            if now != second:  # many rows share one
                second = now
                if not 0 <= now - begin_s < _DAY_S or not date:
                    begin_s, date = now - now % _DAY_S, rfc3339(time_ns)[:_DATE]
                    day = max(0, now // _DAY_S) if id_ > 0 else NO_DAY
                of_day = now - begin_s
                until_second = f"{date}{_MINUTES[of_day // 60]}{_SECONDS[of_day % 60]}"
            origin = origins[origin_id] if origin_id in origins else self._origin(origin_id)
            command = commands[command_id] if command_id in commands else self._command(command_id)
            failed = _DID_NOT_FAIL
            if errno is not None or caller is not None:
                failed = f"{copied(readable(errno))}\t{copied(readable(caller))}"
            if status is None or cpu_ns is None or rss_kb is None or duration_ns is None:
                end = end_text(status, duration_ns, cpu_ns, rss_kb)
            else:
                end = f"{status}\t{duration_ns}\t{cpu_ns}\t{rss_kb}"
            parent = _NULL if parent_id is None else parent_id
            text = (
                f"{run_id}\t{id_}\t{until_second}{part_ns // 1_000:06d}Z\t{part_ns % 1_000}\t"
                f"{time_ns - offset_ns}\t"
                f"{pid}\t{ppid}\t{pid if ns_pid is None else ns_pid}\t"
                f"{parent}\t{failed}\t{end}\t{origin}\t{command}\n"
            )
            is_open = status is None and errno is None
            add(new(Line, (id_, day, time_ns, is_open, text)))
        return found

    def _origin(self, number: int) -> str:
        who, where = self._cache.origins[number]
        text = self._origins[number] = "\t".join(map(copied, (*who, *where)))
        return text

    def _command(self, number: int) -> str:
        values = list(self._cache.commands[number])
        argv = values[_ARGV] if self._redact is None else self._redact(values[_ARGV])
        values[_ARGV] = json_of_texts(argv)
        text = self._commands[number] = "\t".join(map(copied, values))
        return text


def end_text(
    status: int | None, duration_ns: int | None, cpu_ns: int | None, rss_kb: int | None
) -> str:
    """The columns of `layout.END`."""
    return f"{_null(status)}\t{_null(duration_ns)}\t{_null(cpu_ns)}\t{_null(rss_kb)}"


def _null(value: int | None) -> str:
    return _NULL if value is None else str(value)
