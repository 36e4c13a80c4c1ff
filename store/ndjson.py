"""One event from one line of NDJSON, as `query --format ndjson` writes it. Pure."""

import json
import re
from typing import Any, NamedTuple

from execdb.store.errors import BadEvent
from execdb.store.event import REPLACED, Command, Creds, Exec, Place, Start, ending, raw_of

_INT64 = (1 << 63) - 1
_U32 = (1 << 32) - 1

# What must stand under a key, and the most it can be.
_INTS = {
    "time_ns": _INT64,
    "boot_ns": _INT64,
    "pid": _U32,
    "ppid": _U32,
    "uid": _U32,
    "euid": _U32,
    "gid": _U32,
}
_TEXTS = ("boot_id", "host", "comm", "filename", "message")
# What may be missing or null.
_OPTIONAL_INTS = {
    "id": _INT64,
    "loginuid": _U32,
    "sessionid": _U32,
    "exit_code": 255,
    "signal": 127,
    "duration_ns": _INT64,
}
_OPTIONAL_TEXTS = ("tty", "cwd", "cgroup", "errno", "caller", "ended")
_KEYS = {*_INTS, *_TEXTS, *_OPTIONAL_INTS, *_OPTIONAL_TEXTS, "argv", "argc", "truncated"}
_KEYS.add("parent_id")  # below 0: of a program that was seen, not recorded
_KEYS |= {"run_id", "time"}  # of the file they come from; not taken over

# The keys whose values differ from line to line, and how these are written. What stands between
# them recurs. Quotes within a text are escaped, so none of this can be found inside one.
_CHANGING = ("time_ns", "boot_ns", "pid", "ppid", "id", "parent_id", "duration_ns")
_CHANGES = re.compile(
    rf'"({"|".join(_CHANGING)}|run_id|time)": (null|-?(?:0|[1-9][0-9]{{0,18}})|"[0-9TZ:.@-]*")'
).split
_REMEMBERED = 8_192
_SHOWN = 40  # characters of a key that is none


class Imported(NamedTuple):
    """One event of a file. `id` and `parent_id` are those of the file."""

    host: str
    boot_id: str
    event: Exec
    status: int | None
    duration_ns: int | None
    id: int | None
    parent_id: int | None


class _Like(NamedTuple):
    """A line that was checked: another with the same text between its changing values differs in
    these alone. `places` tells where they stand, in the order of _CHANGING."""

    item: Imported
    places: tuple[int, ...]


class Parser:
    """Parses lines. What recurs on many of them (who, what, where) is checked the first time."""

    def __init__(self) -> None:
        self._checked: dict[tuple[str, ...], _Like] = {}

    def parse(self, line: str) -> Imported:
        """Raises BadEvent with what is wrong with the line."""
        parts = _CHANGES(line)  # text, key, value, text, key, value, ..., text
        key = (*parts[0::3], *parts[1::3])
        like = self._checked.get(key)
        found = None if like is None else _changed(like, parts)
        if found is None:
            found = check(_load(line))
            self._remember(key, parts, found)
        return found

    def _remember(self, key: tuple[str, ...], parts: list[str], item: Imported) -> None:
        names = parts[1::3]
        if len(names) != len(set(names)):
            return
        like = _Like(item, tuple(names.index(n) if n in names else -1 for n in _CHANGING))
        if _changed(like, parts) != item:  # a key twice, in another spelling
            return
        if len(self._checked) >= _REMEMBERED:
            self._checked.clear()
        self._checked[key] = like


def _changed(like: _Like, parts: list[str]) -> Imported | None:
    """The line's event; None if a value is not what it must be, which `check` puts in words."""
    values = [*parts[2::3], "null"]
    try:
        time_ns, boot_ns, pid, ppid, number, parent_id, duration_ns = [
            None if values[place] == "null" else int(values[place]) for place in like.places
        ]
        good = (
            0 <= time_ns <= _INT64  # type: ignore[operator]
            and 0 <= boot_ns <= _INT64  # type: ignore[operator]
            and 0 <= pid <= _U32  # type: ignore[operator]
            and 0 <= ppid <= _U32  # type: ignore[operator]
            and (number is None or 0 <= number <= _INT64)
            and (parent_id is None or -_INT64 <= parent_id <= _INT64)
            and (duration_ns is None or 0 <= duration_ns <= _INT64)
        )
    except (TypeError, ValueError):
        return None
    if not good:
        return None
    host, boot_id, event, status, *_ = like.item
    fields = (time_ns, boot_ns, pid, ppid, *event[4:])
    exec_ = tuple.__new__(Exec, fields)  # without the Python-level constructor
    return tuple.__new__(Imported, (host, boot_id, exec_, status, duration_ns, number, parent_id))


def check(values: dict[str, Any]) -> Imported:
    """Every key of an event. Raises BadEvent naming the first that is wrong."""
    unknown = values.keys() - _KEYS
    if unknown:
        raise BadEvent(f"unknown key {min(unknown)[:_SHOWN]!r}")
    for key, most in _INTS.items():
        _check_int(key, _present(values, key), most)
    for key in _TEXTS:
        _check_text(key, _present(values, key))
    for key, most in _OPTIONAL_INTS.items():
        if values.setdefault(key, None) is not None:
            _check_int(key, values[key], most)
    parent_id = values.setdefault("parent_id", None)
    if parent_id is not None and (type(parent_id) is not int or abs(parent_id) > _INT64):
        raise BadEvent("parent_id must be a whole number")
    for key in _OPTIONAL_TEXTS:
        if values.setdefault(key, None) is not None:
            _check_text(key, values[key])
    return Imported(
        values["host"],
        values["boot_id"],
        _event(values),
        _status(values),
        values["duration_ns"],
        values["id"],
        values["parent_id"],
    )


def _load(line: str) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except ValueError as error:
        raise BadEvent(f"not JSON: {error}") from error
    except RecursionError as error:
        raise BadEvent("not an event: nested too deeply") from error
    if not isinstance(values, dict):
        raise BadEvent("not an event: a JSON object is expected")
    return values


def _event(values: dict[str, Any]) -> Exec:
    creds = Creds(
        values["uid"],
        values["euid"],
        values["gid"],
        values["loginuid"],
        values["sessionid"],
        values["tty"],
        values["message"],
    )
    place = Place(values["cwd"], values["cgroup"])
    return Exec(
        values["time_ns"],
        values["boot_ns"],
        values["pid"],
        values["ppid"],
        Start(creds, _command(values), place, values["caller"]),
        None,
        False,
        values["errno"],
    )


def _command(values: dict[str, Any]) -> Command:
    argv = _present(values, "argv")
    if not isinstance(argv, list):
        raise BadEvent("argv must be a list of texts")
    for argument in argv:
        _check_text("argv", argument)
    argc, truncated = values.get("argc", len(argv)), values.get("truncated", False)
    _check_int("argc", argc, _U32)
    if not isinstance(truncated, bool):
        raise BadEvent("truncated must be true or false")
    if not truncated and argc != len(argv):
        raise BadEvent(f"argc is {argc}, but argv has {len(argv)} and is not truncated")
    return Command(values["filename"], values["comm"], tuple(argv), argc, truncated)


def _status(values: dict[str, Any]) -> int | None:
    """As wait(2) has it, from `ended`, `exit_code` and `signal`, which must agree."""
    ended, exit_code, signal = values["ended"], values["exit_code"], values["signal"]
    status = None
    if ended == "exec":
        status = REPLACED
    elif signal is not None:
        status = signal
    elif exit_code is not None:
        status = exit_code << 8
    expected = ending(status)
    if (ended or expected[0], exit_code, signal) != expected:
        raise BadEvent("ended, exit_code and signal contradict each other")
    return status


def _present(values: dict[str, Any], key: str) -> Any:
    try:
        return values[key]
    except KeyError:
        raise BadEvent(f"{key} is missing") from None


def _check_int(key: str, value: object, most: int) -> None:
    if type(value) is not int or not 0 <= value <= most:
        raise BadEvent(f"{key} must be a whole number from 0 to {most}")


def _check_text(key: str, value: object) -> None:
    if not isinstance(value, str):
        raise BadEvent(f"{key} must be text")
    if value.isascii():
        bad = "\0" in value
    else:
        try:
            bad = b"\0" in raw_of(value)
        except UnicodeEncodeError:
            bad = True
    if bad:
        raise BadEvent(f"{key} holds a character that no program can have been given")
