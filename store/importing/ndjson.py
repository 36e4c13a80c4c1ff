"""One event from one line of NDJSON, as `query --format ndjson` writes it. Pure."""

import json
import re
from collections.abc import Callable
from typing import TypeVar

from execdb.store.bounded_cache import BoundedCache
from execdb.store.errors import BadEvent
from execdb.store.event import Command, Creds, Place
from execdb.store.fields import FIELDS, runs_of
from execdb.store.importing.checks import keys_of
from execdb.store.importing.imported import (
    Imported,
    Outcome,
    Values,
    boot_of,
    command_of,
    imported_of,
    origin_of,
    outcome_of,
)
from execdb.store.kinds import Group

_REMEMBERED, _REMEMBERED_CHARS = 100_000, 2_000_000  # texts of each group of keys

T = TypeVar("T")
Origin = tuple[Creds, Place]
Middle = tuple[Origin, Command, Outcome]


class Parts(BoundedCache[str, T]):
    """What the keys of a group say, by their text on a line. A text that is not known yet is
    parsed; raises BadEvent if it is not valid JSON or has keys of other groups."""

    def __init__(self, group: Group, build: Callable[[Values], T]) -> None:
        super().__init__(_REMEMBERED, _REMEMBERED_CHARS)
        self._keys, self._build = keys_of(group), build

    def __missing__(self, text: str) -> T:
        values = load(f"{{{text}}}")
        if not values.keys() <= self._keys:
            raise BadEvent("a key is out of place")
        return self.keep(text, self._build(values), len(text))


class Middles(dict[str, Middle]):
    """What a line says between its first and its last numbers, by this text: in files of builds few
    differ. Where many do, they are no longer remembered, only their parts. Raises BadEvent."""

    def __init__(self) -> None:
        self.chars = 0
        self.look_up: Callable[[str], Middle] = self.__getitem__
        self.origins = Parts(Group.ORIGIN, origin_of)
        self.commands = Parts(Group.COMMAND, command_of)
        self.outcomes = Parts(Group.OUTCOME, outcome_of)

    def __missing__(self, text: str) -> Middle:
        self.chars += len(text)
        if self.chars > _REMEMBERED_CHARS:
            self.clear()
            self.look_up = self.of
            return self.of(text)
        found = self[text] = self.of(text)
        return found

    def of(self, text: str) -> Middle:
        """Who and where, what, and how it ended: the parts of the text."""
        what_at = text.find(_WHAT)
        where_at = text.find(_WHERE, what_at)
        if where_at < 0:
            where_at = text.find(_WHERE_IF_SHORT, what_at)
        if what_at < 0 or where_at < 0:
            raise BadEvent("a key is out of place")
        outcome_at, outcome = text.find(_OUTCOME, where_at), _UNKNOWN
        if outcome_at < 0:
            outcome_at = len(text)
        else:
            outcome = self.outcomes[text[outcome_at + 2 :]]
        origin = self.origins[text[:what_at] + text[where_at:outcome_at]]
        return origin, self.commands[text[what_at + 2 : where_at]], outcome


class Parser:
    """Parses lines. What recurs from line to line (who, what, where) is checked once."""

    def __init__(self) -> None:
        self.boots = Parts(Group.BOOT, boot_of)
        self.middles = Middles()

    def parse(self, line: str) -> Imported:
        """Raises BadEvent with what is wrong with the line."""
        try:
            found = self._in_order(line)
        except (
            BadEvent
        ):  # it may be right in another order, or wrong in a way that is easier to name
            found = None
        return imported_of(load(line)) if found is None else found

    def _in_order(self, line: str) -> Imported | None:
        """The event of a line that has its keys in the order in which execdb writes them; None for
        another line. Runs for each line: the keys are not looped over."""
        head = _HEAD(line)
        if head is None:
            return None
        number, time_text, boot_text, boot, pid, ppid, ns_pid = head.groups()
        who_at, rest_at = head.end(), line.rfind(_REST)
        if rest_at < 0:
            duration, cpu, rss, parent = "null", None, None, "null"
            rest_at = len(line) - 2 if line.endswith("\n") else len(line) - 1
            if line[rest_at:] not in ("}\n", "}"):
                return None
        else:
            tail = _TAIL(line, rest_at)
            if tail is None:
                return None
            duration, cpu, rss, parent = tail.groups()
        origin, command, outcome = self.middles.look_up(line[who_at:rest_at])
        time_ns = int(time_text)
        if time_ns > _INT64_MAX:
            return None
        fields = (
            self.boots[boot],
            time_ns,
            int(boot_text),
            int(pid),
            int(ppid),
            None if ns_pid is None or ns_pid == pid else int(ns_pid),
            origin,
            command,
            outcome,
            None if duration == "null" else int(duration),
            None if cpu is None or cpu == "null" else int(cpu),
            None if rss is None or rss == "null" else int(rss),
            None if number is None else int(number),
            None if parent == "null" else int(parent),
        )
        return tuple.__new__(Imported, fields)  # faster than the constructor of a named tuple


def load(text: str) -> Values:
    """The keys of a JSON object and their values. Raises BadEvent for other text."""
    try:
        values = json.loads(text)
    except ValueError as error:
        raise BadEvent(f"not JSON: {error}") from error
    except RecursionError as error:
        raise BadEvent("not an event: nested too deeply") from error
    if not isinstance(values, dict):
        raise BadEvent("not an event: a JSON object is expected")
    return values


# A line as execdb writes it has its keys in one order: first numbers, which differ from line to
# line, then keys of one group after the other, then two numbers. Keys that may be missing in a file
# of an older execdb may be missing here. Quotes within a text are escaped, so what begins with a
# quote and ends with `": ` is a key. Numbers have so few digits here that only `time_ns` may be too
# great.
_HEAD = re.compile(
    r'\{(?:"id": ([1-9][0-9]{0,17}), )?(?:"run_id": [1-9][0-9]{0,17}, )?'
    r'"time_ns": ([1-9][0-9]{0,18}), (?:"time": "[0-9TZ:.@-]*", )?'
    r'"boot_ns": ([1-9][0-9]{0,17}), ("boot_id": "[^"]*", "host": "[^"]*"), '
    r'"pid": ([1-9][0-9]{0,8}), "ppid": (0|[1-9][0-9]{0,8}), '
    r'(?:"ns_pid": (0|[1-9][0-9]{0,8}), )?'
).match
_TAIL = re.compile(
    r', "duration_ns": (null|0|[1-9][0-9]{0,17})'
    r'(?:, "cpu_ns": (null|0|[1-9][0-9]{0,17}), "max_rss_kb": (null|0|[1-9][0-9]{0,17}))?'
    r', "parent_id": (null|-?[1-9][0-9]{0,17})\}\n?'
).fullmatch
_INT64_MAX = (1 << 63) - 1
_UNKNOWN: Outcome = None, None, None

*_, _what, _where, _outcome, _rest = (run for _, run in runs_of(FIELDS))
_WHAT, _WHERE, _OUTCOME, _REST = (
    f', "{run[0].name}": ' for run in (_what, _where, _outcome, _rest)
)
# Of a line that has only the keys that it needs: the first one of this run.
_WHERE_IF_SHORT = next(f', "{field.name}": ' for field in _where if not field.nullable)
