"""Events as JSON objects: what `json_of(to_dict(event))` gives, in less than a third of
the time."""

from collections.abc import Iterable, Iterator
from typing import Any

from execdb.store.event import Event
from execdb.store.json_text import json_of
from execdb.store.times import rfc3339

_REMEMBERED_CHARS = 2_000_000  # of each kind


class _Members(dict[tuple[Any, ...], str]):
    """Some neighbouring members of an object, by their values: few differ from event to event."""

    def __init__(self, first: str, last: str) -> None:
        names = Event._fields
        self._names = names[names.index(first) : names.index(last) + 1]
        self._chars = 0

    def __missing__(self, values: tuple[Any, ...]) -> str:
        text = json_of(dict(zip(self._names, values, strict=True)))[1:-1]
        self._chars += len(text)
        if self._chars > _REMEMBERED_CHARS:
            self.clear()
            self._chars = len(text)
        self[values] = text
        return text


def objects(events: Iterable[Event], end: str = "") -> Iterator[str]:
    """One object each, and `end` behind it. Numbers must be numbers, as in a history they are. Runs
    for every row of an export, so that it is written out."""
    boots, whos = _Members("boot_id", "host"), _Members("uid", "tty")
    whats, wheres = _Members("comm", "truncated"), _Members("cwd", "message")
    outcomes = _Members("errno", "signal")
    for (
        number, run_id, time_ns, boot_ns, boot_id, host, pid, ppid,
        uid, euid, gid, loginuid, sessionid, tty, comm, filename, argv, argc, truncated,
        cwd, cgroup, message, errno, caller, ended, exit_code, signal, duration_ns, parent_id,
    ) in events:  # fmt: skip
        yield (
            f'{{"id": {number}, "run_id": {run_id}, "time_ns": {time_ns}, '
            f'"time": "{rfc3339(time_ns)}", "boot_ns": {boot_ns}, {boots[boot_id, host]}, '
            f'"pid": {pid}, "ppid": {ppid}, {whos[uid, euid, gid, loginuid, sessionid, tty]}, '
            f"{whats[comm, filename, argv, argc, truncated]}, {wheres[cwd, cgroup, message]}, "
            f"{outcomes[errno, caller, ended, exit_code, signal]}, "
            f'"duration_ns": {"null" if duration_ns is None else duration_ns}, '
            f'"parent_id": {"null" if parent_id is None else parent_id}}}{end}'
        )
