"""Which events: the filter vocabulary that query, replay and count share, as SQL conditions."""

import json
import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from execdb.store import schema
from execdb.store.event import json_of
from execdb.store.intern import readable, storable

_image, _command, _creds, _place = schema.image, schema.command, schema.creds, schema.place


@dataclass(frozen=True)
class Filter:
    """Which events; None does not filter. `comm` and `path` may hold `*` and `?`.

    `since_ns` is the first moment inside, `until_ns` the first one after.
    """

    uid: int | None = None
    pid: int | None = None
    ppid: int | None = None
    comm: str | None = None
    path: str | None = None
    arg: str | None = None
    message: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    loginuid: int | None = None
    cgroup: str | None = None
    failed: bool | None = None  # True: only failed attempts; False: none of them
    descendants_of: int | None = None  # a row's id
    last_id: int | None = None  # no row behind this one

    def conditions(self) -> list[ColumnElement[bool]]:
        commands = [
            *_like(_command.c.comm, self.comm),
            *_like(_command.c.filename, self.path),
            *([] if self.arg is None else [_has_arg(self.arg)]),
        ]
        creds = [
            *_equal(_creds.c.uid, self.uid),
            *_equal(_creds.c.loginuid, self.loginuid),
            *_equal(_creds.c.message, None if self.message is None else storable(self.message)),
        ]
        places = _like(_place.c.cgroup, self.cgroup)
        conditions: list[ColumnElement[bool]] = [_image.c.seen.is_(None)]
        if self.last_id is not None:
            conditions.append(_image.c.id <= self.last_id)
        if self.failed is not None:
            conditions.append(
                _image.c.errno.is_not(None) if self.failed else _image.c.errno.is_(None)
            )
        if self.descendants_of is not None:
            conditions.append(_image.c.id.in_(descendants(self.descendants_of)))
        conditions += [*_equal(_image.c.pid, self.pid), *_equal(_image.c.ppid, self.ppid)]
        if self.since_ns is not None:
            conditions.append(_image.c.time_ns >= self.since_ns)
        if self.until_ns is not None:
            conditions.append(_image.c.time_ns < self.until_ns)
        if commands:
            conditions.append(_image.c.command_id.in_(select(_command.c.id).where(*commands)))
        if places:
            conditions.append(_image.c.place_id.in_(select(_place.c.id).where(*places)))
        if creds:
            conditions.append(_image.c.creds_id.in_(select(_creds.c.id).where(*creds)))
        return conditions


def descendants(ancestor: int) -> Select[Any]:
    """Ids of everything started by the row, directly or not; not its own."""
    found = select(_image.c.id).where(_image.c.parent_id == ancestor).cte("below", recursive=True)
    below = select(_image.c.id).join(found, _image.c.parent_id == found.c.id)
    return select(found.union(below).c.id)


def ancestors(number: int) -> Select[Any]:
    """The id itself and those of what started it, directly or not."""
    start = select(_image.c.id, _image.c.parent_id).where(_image.c.id == number)
    found = start.cte("above", recursive=True)
    above = select(_image.c.id, _image.c.parent_id).join(found, _image.c.id == found.c.parent_id)
    return select(found.union(above).c.id)


def _equal(column: ColumnElement[Any], value: object) -> list[ColumnElement[bool]]:
    return [] if value is None else [column == value]


def _like(column: ColumnElement[Any], pattern: str | None) -> list[ColumnElement[bool]]:
    """Exact, or SQLite's GLOB where there is a `*` or `?`; its `[` has no meaning here."""
    if pattern is None:
        return []
    if "*" in pattern or "?" in pattern:
        # Text that is not UTF-8 is a blob, in which GLOB does not tell one byte from another.
        is_blob = func.typeof(column) == "blob"
        by_bytes = func.glob_bytes(column, storable(pattern)) == 1
        return [or_(column.op("GLOB")(storable(pattern.replace("[", "[[]"))), is_blob & by_bytes)]
    return [column == storable(pattern)]


def _has_arg(text: str) -> ColumnElement[bool]:
    """Text within any one argument. The stored JSON is searched first, which is fast but may also
    find the text in an escape or across a boundary; `has_arg` then looks closely."""
    argv = _command.c.argv
    needle = json_of(text)[1:-1]
    return and_(func.instr(argv, needle) > 0, func.has_arg(argv, json_of(text)) == 1)


def has_arg(argv: str, text: str) -> bool:
    """The SQL function behind `--arg`: both as JSON, since SQLite text cannot hold surrogates."""
    needle = json.loads(text)
    return any(needle in argument for argument in json.loads(argv))


def glob_bytes(value: bytes, pattern: str | bytes) -> bool:
    """GLOB with `*` and `?` alone, each byte that is not UTF-8 a character of its own."""
    parts = (_WILD.get(char, re.escape(char)) for char in readable(pattern))
    return re.fullmatch("".join(parts), readable(value), re.DOTALL) is not None


_WILD = {"*": ".*", "?": "."}
