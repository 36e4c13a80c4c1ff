"""Reading: one filter vocabulary and one path for query, replay and count."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_

from execdb.store import schema
from execdb.store.database import Database
from execdb.store.errors import DatabaseError
from execdb.store.event import Event, ending, json_of
from execdb.store.intern import readable, storable

_PAGE = 1_000  # rows a transaction
_REMEMBERED = 8_192  # interned rows of a kind

_image, _command, _creds, _run = schema.image, schema.command, schema.creds, schema.run
_place = schema.place


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
            conditions.append(_image.c.id.in_(_descendants(self.descendants_of)))
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


def _descendants(ancestor: int) -> Select[Any]:
    """Ids of everything started by the row, directly or not; not its own."""
    found = select(_image.c.id).where(_image.c.parent_id == ancestor).cte("below", recursive=True)
    below = select(_image.c.id).join(found, _image.c.parent_id == found.c.id)
    return select(found.union(below).c.id)


def _ancestors(number: int) -> Select[Any]:
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


class History:
    """The stored events. Reads in short transactions, paged by key, so that a slow reader never
    holds up the recorder's file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.raw.create_function("has_arg", 2, has_arg, deterministic=True)
        database.raw.create_function("glob_bytes", 2, glob_bytes, deterministic=True)
        self._commands: dict[int, tuple[Any, ...]] = {}
        self._creds: dict[int, tuple[Any, ...]] = {}
        self._places: dict[int | None, tuple[Any, ...]] = {}
        self._runs: dict[int, tuple[Any, ...]] = {}

    def count(self, wanted: Filter) -> int:
        with self._database.reading() as connection:
            counted = select(func.count()).select_from(_image).where(*wanted.conditions())
            return int(connection.scalar(counted) or 0)

    def events(self, wanted: Filter, *, limit: int = 0, reverse: bool = False) -> Iterator[Event]:
        """Oldest first, or newest first with `reverse`; the latest `limit` of them (0: all).
        What is recorded meanwhile is not among them. Raises DatabaseError."""
        wanted = replace(wanted, last_id=self._last_id())
        if not limit:
            yield from self._pages(wanted, reverse=reverse)
        elif reverse:
            yield from self._pages(wanted, reverse=True, limit=limit)
        else:
            yield from self._pages(wanted, start=self._latest(wanted, limit))

    def family(self, number: int) -> list[Event]:
        """An event with its ancestors and its descendants, oldest first; ancestors that were
        seen, not recorded, among them. Empty if there is no such row."""
        with self._database.reading() as connection:
            rows = connection.execute(
                select(_image)
                .where(
                    or_(_image.c.id.in_(_ancestors(number)), _image.c.id.in_(_descendants(number)))
                )
                .order_by(_image.c.time_ns, _image.c.id)
            ).all()
            self._learn(connection, rows)
        return [self._event(row) for row in rows]

    def latest_run(self) -> list[Event]:
        """Everything of the run that recorded last, and the ancestors seen then; oldest first."""
        latest = select(func.max(_image.c.run_id)).scalar_subquery()
        with self._database.reading() as connection:
            rows = connection.execute(
                select(_image)
                .where(_image.c.run_id == latest)
                .order_by(_image.c.time_ns, _image.c.id)
            ).all()
            self._learn(connection, rows)
        return [self._event(row) for row in rows]

    def latest_of(self, pid: int) -> int | None:
        """The row of the latest image that ran under this pid."""
        with self._database.reading() as connection:
            found = connection.scalar(
                select(_image.c.id)
                .where(_image.c.pid == pid)
                .order_by(_image.c.time_ns.desc(), _image.c.id.desc())
                .limit(1)
            )
        return None if found is None else int(found)

    def seen_ids(self, numbers: Iterable[int]) -> set[int]:
        """Which of these rows were seen in /proc, not recorded."""
        with self._database.reading() as connection:
            query = select(_image.c.id).where(_image.c.id.in_(numbers), _image.c.seen == 1)
            return set(connection.scalars(query))

    def _last_id(self) -> int:
        with self._database.reading() as connection:
            return connection.scalar(select(func.max(_image.c.id))) or 0

    def _latest(self, wanted: Filter, limit: int) -> tuple[int, int] | None:
        """The key of the limit-th event from the end, None if there are no more than that."""
        query = _ordered(select(_image.c.time_ns, _image.c.id), wanted, reverse=True)
        with self._database.reading() as connection:
            row = connection.execute(query.offset(limit - 1).limit(1)).first()
        return None if row is None else (row[0], row[1])

    def _pages(
        self,
        wanted: Filter,
        *,
        reverse: bool = False,
        limit: int = 0,
        start: tuple[int, int] | None = None,
    ) -> Iterator[Event]:
        query = _ordered(select(_image), wanted, reverse=reverse)
        key = tuple_(_image.c.time_ns, _image.c.id)
        page = query if start is None else query.where(key >= start)
        left = limit
        while True:
            size = min(_PAGE, left) if limit else _PAGE
            with self._database.reading() as connection:
                rows = connection.execute(page.limit(size)).all()
                self._learn(connection, rows)
            for row in rows:
                yield self._event(row)
            left -= len(rows)
            if len(rows) < size or (limit and not left):
                return
            last = (rows[-1].time_ns, rows[-1].id)
            page = query.where(key < last if reverse else key > last)

    def _learn(self, connection: Any, rows: Sequence[Any]) -> None:
        """Fetches the interned rows that a page needs and that are not at hand."""
        for known, table, column in (
            (self._commands, _command, "command_id"),
            (self._creds, _creds, "creds_id"),
            (self._places, _place, "place_id"),
            (self._runs, _run, "run_id"),
        ):
            if len(known) > _REMEMBERED:
                known.clear()
            missing = {getattr(row, column) for row in rows} - known.keys() - {None}
            if missing:
                found = connection.execute(select(table).where(table.c.id.in_(missing)))
                known.update((row.id, _as_known(table.name, row)) for row in found)

    def _event(self, row: Any) -> Event:
        try:
            return self._join(row)
        except KeyError:
            raise DatabaseError(
                f"{self._database.path} does not hold together: row {row.id} refers to others that "
                "are not there"
            ) from None

    def _join(self, row: Any) -> Event:
        filename, comm, argv, argc, truncated = self._commands[row.command_id]
        uid, euid, gid, loginuid, sessionid, tty, message = self._creds[row.creds_id]
        boot_id, host = self._runs[row.run_id]
        cwd, cgroup = self._places.get(row.place_id, (None, None))
        ended, exit_code, signal = ending(row.status)
        return Event(
            row.id, row.run_id, row.time_ns, row.boot_ns, boot_id, host, row.pid, row.ppid,
            uid, euid, gid, loginuid, sessionid, tty, comm, filename, argv, argc, truncated,
            cwd, cgroup, message, row.errno, readable(row.caller), ended, exit_code, signal,
            row.duration_ns, row.parent_id,
        )  # fmt: skip


def _ordered(query: Select[Any], wanted: Filter, *, reverse: bool) -> Select[Any]:
    keys = (_image.c.time_ns, _image.c.id)
    order = [key.desc() for key in keys] if reverse else keys
    return query.where(*wanted.conditions()).order_by(*order)


def _as_known(table: str, row: Any) -> tuple[Any, ...]:
    if table == "command":
        argv = _argv(row.argv)
        return readable(row.filename), readable(row.comm), argv, row.argc, bool(row.truncated)
    if table == "creds":
        return (row.uid, row.euid, row.gid, row.loginuid, row.sessionid, readable(row.tty),
                readable(row.message))  # fmt: skip
    if table == "place":
        return readable(row.cwd), readable(row.cgroup)
    return readable(row.boot_id), readable(row.host)


def _argv(text: str) -> tuple[str, ...]:
    """Raises DatabaseError: the file may come from anywhere."""
    try:
        argv = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        argv = None
    if not isinstance(argv, list) or not all(isinstance(argument, str) for argument in argv):
        raise DatabaseError("the database does not hold together: a command's argv is no list")
    return tuple(argv)
