"""One event from one line of NDJSON, as `query --format ndjson` writes it. Pure."""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from execdb.store.errors import BadEvent
from execdb.store.event import REPLACED, Command, Creds, Place, ending, raw_of
from execdb.store.file.text import NAME_MAX, too_long

_INT64 = (1 << 63) - 1
_U32 = (1 << 32) - 1

_INTS = {  # and the most they can be
    "id": _INT64,
    "time_ns": _INT64,
    "boot_ns": _INT64,
    "pid": _U32,
    "ppid": _U32,
    "uid": _U32,
    "euid": _U32,
    "gid": _U32,
    "loginuid": _U32,
    "sessionid": _U32,
    "exit_code": 255,
    "signal": 127,
    "duration_ns": _INT64,
}
_BOOT = {"boot_id", "host"}
_ORIGIN = {"uid", "euid", "gid", "loginuid", "sessionid", "tty", "cwd", "cgroup", "message"}
_COMMAND = {"comm", "filename", "argv", "argc", "truncated"}
_OUTCOME = {"errno", "caller", "ended", "exit_code", "signal"}
_KEYS = {*_INTS, *_BOOT, *_ORIGIN, *_COMMAND, *_OUTCOME}
_KEYS.add("parent_id")  # below 0: of a program that was seen, not recorded
_KEYS |= {"run_id", "time"}  # of the file they come from; not taken over

# A line as execdb writes it has its keys in one order: first what differs from line to line, then
# stretches of keys whose values recur and are parsed the first time, then two numbers again. What
# may be missing in a file written before, or by hand, may be missing here, too. Quotes within a
# text are escaped, so what begins with one and ends with `": ` is a key. Numbers have so few
# digits here that only one of them may be too great.
_HEAD = re.compile(
    r'\{(?:"id": ([1-9][0-9]{0,17}), )?(?:"run_id": [1-9][0-9]{0,17}, )?'
    r'"time_ns": ([1-9][0-9]{0,18}), (?:"time": "[0-9TZ:.@-]*", )?'
    r'"boot_ns": ([1-9][0-9]{0,17}), ("boot_id": "[^"]*", "host": "[^"]*"), '
    r'"pid": ([1-9][0-9]{0,8}), "ppid": (0|[1-9][0-9]{0,8}), '
).match
_TAIL = re.compile(
    r', "duration_ns": (null|0|[1-9][0-9]{0,17}), "parent_id": (null|-?[1-9][0-9]{0,17})\}\n?'
).fullmatch
_REMEMBERED_CHARS = 2_000_000  # of each kind
_NAME_MAX = 255  # characters; a machine's name has at most 64, a boot_id 36
_SHOWN = 40  # characters of a key that is none

T = TypeVar("T")
Boot = tuple[str, str]  # host and boot_id
Outcome = tuple[str | None, str | None, int | None]  # errno, caller, status


_UNKNOWN: Outcome = None, None, None


class Imported(NamedTuple):
    """One event of a file. `id` and `parent_id` are those of the file."""

    boot: Boot
    time_ns: int
    boot_ns: int
    pid: int
    ppid: int
    origin: tuple[Creds, Place]
    command: Command
    outcome: Outcome
    duration_ns: int | None
    id: int | None
    parent_id: int | None


class _Parts(dict[str, T]):
    """What stretches of keys say, by their text. An unknown one is parsed; raises BadEvent where it
    is not valid JSON or has other keys than these."""

    def __init__(self, keys: set[str], build: Callable[[dict[str, Any]], T]) -> None:
        self._keys, self._build = keys, build
        self._chars = 0

    def __missing__(self, text: str) -> T:
        values = _load(f"{{{text}}}")
        if not values.keys() <= self._keys:
            raise BadEvent("a key is out of place")
        found = self._build(values)
        self._chars += len(text)
        if self._chars > _REMEMBERED_CHARS:
            self.clear()
            self._chars = len(text)
        self[text] = found
        return found


class Parser:
    """Parses lines. What recurs on many of them (who, what, where) is checked the first time."""

    def __init__(self) -> None:
        self._boots = _Parts(_BOOT, _boot)
        self._origins = _Parts(_ORIGIN, _origin)
        self._commands = _Parts(_COMMAND, _command)
        self._outcomes = _Parts(_OUTCOME, _outcome)

    def parse(self, line: str) -> Imported:
        """Raises BadEvent with what is wrong with the line."""
        try:
            found = self._in_order(line)
        except BadEvent:  # as a whole it may be right, or wrong in a way that is easier to name
            found = None
        return check(_load(line)) if found is None else found

    def _in_order(self, line: str) -> Imported | None:
        """The event of a line that has its keys in our order; None for another. Runs for each
        line, so that it is written out."""
        head = _HEAD(line)
        if head is None:
            return None
        number, time_text, boot_text, boot, pid, ppid = head.groups()
        find, who_at = line.find, head.end()
        what_at = find(', "comm": ', who_at)
        where_at = find(', "cwd": ', what_at)
        if where_at < 0:
            where_at = find(', "message": ', what_at)
        if what_at < 0 or where_at < 0:
            return None
        outcome_at = find(', "errno": ', where_at)
        if outcome_at < 0:
            outcome, duration, parent = _UNKNOWN, "null", "null"
            outcome_at = len(line) - 2 if line.endswith("\n") else len(line) - 1
            if line[outcome_at:] not in ("}\n", "}"):
                return None
        else:
            tail_at = find(', "duration_ns": ', outcome_at)
            tail = _TAIL(line, tail_at)
            if tail is None:
                return None
            duration, parent = tail.groups()
            outcome = self._outcomes[line[outcome_at + 2 : tail_at]]
        time_ns = int(time_text)
        if time_ns > _INT64:
            return None
        fields = (
            self._boots[boot],
            time_ns,
            int(boot_text),
            int(pid),
            int(ppid),
            self._origins[line[who_at:what_at] + line[where_at:outcome_at]],
            self._commands[line[what_at + 2 : where_at]],
            outcome,
            None if duration == "null" else int(duration),
            None if number is None else int(number),
            None if parent == "null" else int(parent),
        )
        return tuple.__new__(Imported, fields)  # without the Python-level constructor


def check(values: dict[str, Any]) -> Imported:
    """An event from all its keys. Raises BadEvent naming one that is wrong."""
    unknown = values.keys() - _KEYS
    if unknown:
        raise BadEvent(f"unknown key {min(unknown)[:_SHOWN]!r}")
    parent_id = values.get("parent_id")
    if parent_id is not None and (type(parent_id) is not int or abs(parent_id) > _INT64):
        raise BadEvent("parent_id must be a whole number")
    return Imported(
        _boot(values),
        _int(values, "time_ns"),
        _int(values, "boot_ns"),
        _int(values, "pid"),
        _int(values, "ppid"),
        _origin(values),
        _command(values),
        _outcome(values),
        _optional_int(values, "duration_ns"),
        _optional_int(values, "id"),
        parent_id,
    )


def _load(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise BadEvent(f"not JSON: {error}") from error
    except RecursionError as error:
        raise BadEvent("not an event: nested too deeply") from error
    if not isinstance(values, dict):
        raise BadEvent("not an event: a JSON object is expected")
    return values


def _boot(values: dict[str, Any]) -> Boot:
    boot = _text(values, "host"), _text(values, "boot_id")
    if max(map(len, boot)) > _NAME_MAX:
        raise BadEvent(f"host and boot_id may have {_NAME_MAX} characters")
    return boot


def _origin(values: dict[str, Any]) -> tuple[Creds, Place]:
    creds = Creds(
        _int(values, "uid"),
        _int(values, "euid"),
        _int(values, "gid"),
        _optional_int(values, "loginuid"),
        _optional_int(values, "sessionid"),
        _optional_text(values, "tty"),
        _text(values, "message"),
    )
    return creds, Place(_optional_text(values, "cwd"), _optional_text(values, "cgroup"))


def _command(values: dict[str, Any]) -> Command:
    argv = _present(values, "argv")
    if not isinstance(argv, list):
        raise BadEvent("argv must be a list of texts")
    for argument in argv:
        _check_text("argv", argument)
    if too_long(argv):
        raise BadEvent("argv is longer than any program can have been given")
    argc, truncated = values.get("argc", len(argv)), values.get("truncated", False)
    _check_int("argc", argc, _U32)
    if not isinstance(truncated, bool):
        raise BadEvent("truncated must be true or false")
    if not truncated and argc != len(argv):
        raise BadEvent(f"argc is {argc}, but argv has {len(argv)} and is not truncated")
    filename, comm = _text(values, "filename"), _text(values, "comm")
    return Command(filename, comm, tuple(argv), argc, truncated)


def _outcome(values: dict[str, Any]) -> Outcome:
    """The status is as wait(2) has it, from `ended`, `exit_code` and `signal`, which must agree."""
    errno, caller = _optional_text(values, "errno"), _optional_text(values, "caller")
    ended = _optional_text(values, "ended")
    exit_code, signal = _optional_int(values, "exit_code"), _optional_int(values, "signal")
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
    return errno, caller, status


def _present(values: dict[str, Any], key: str) -> Any:
    try:
        return values[key]
    except KeyError:
        raise BadEvent(f"{key} is missing") from None


def _int(values: dict[str, Any], key: str) -> int:
    value = _present(values, key)
    _check_int(key, value, _INTS[key])
    return int(value)


def _optional_int(values: dict[str, Any], key: str) -> int | None:
    return None if values.get(key) is None else _int(values, key)


def _text(values: dict[str, Any], key: str) -> str:
    value = _present(values, key)
    _check_text(key, value)
    if len(value) > NAME_MAX:
        raise BadEvent(f"{key} has more than {NAME_MAX} characters")
    return str(value)


def _optional_text(values: dict[str, Any], key: str) -> str | None:
    return None if values.get(key) is None else _text(values, key)


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
