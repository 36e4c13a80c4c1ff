"""Reading: one filter vocabulary and one path for query, replay and count."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select, tuple_

from execdb.store import schema
from execdb.store.database import Database
from execdb.store.event import Event, json_of
from execdb.store.intern import readable, storable

_PAGE = 1_000  # rows a transaction
_REMEMBERED = 8_192  # interned rows of a kind

_image, _command, _creds, _run = schema.image, schema.command, schema.creds, schema.run


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

    def conditions(self) -> list[ColumnElement[bool]]:
        commands = [
            *_like(_command.c.comm, self.comm),
            *_like(_command.c.filename, self.path),
            *([] if self.arg is None else [_has_arg(self.arg)]),
        ]
        creds = [
            *_equal(_creds.c.uid, self.uid),
            *_equal(_creds.c.message, None if self.message is None else storable(self.message)),
        ]
        conditions = [*_equal(_image.c.pid, self.pid), *_equal(_image.c.ppid, self.ppid)]
        if self.since_ns is not None:
            conditions.append(_image.c.time_ns >= self.since_ns)
        if self.until_ns is not None:
            conditions.append(_image.c.time_ns < self.until_ns)
        if commands:
            conditions.append(_image.c.command_id.in_(select(_command.c.id).where(*commands)))
        if creds:
            conditions.append(_image.c.creds_id.in_(select(_creds.c.id).where(*creds)))
        return conditions


def _equal(column: ColumnElement[Any], value: object) -> list[ColumnElement[bool]]:
    return [] if value is None else [column == value]


def _like(column: ColumnElement[Any], pattern: str | None) -> list[ColumnElement[bool]]:
    """Exact, or SQLite's GLOB where there is a `*` or `?`; its `[` has no meaning here."""
    if pattern is None:
        return []
    if "*" in pattern or "?" in pattern:
        return [column.op("GLOB")(storable(pattern.replace("[", "[[]")))]
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


class History:
    """The stored events. Reads in short transactions, paged by key, so that a slow reader never
    holds up the recorder's file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.raw.create_function("has_arg", 2, has_arg, deterministic=True)
        self._commands: dict[int, tuple[Any, ...]] = {}
        self._creds: dict[int, tuple[Any, ...]] = {}
        self._runs: dict[int, tuple[Any, ...]] = {}

    def count(self, wanted: Filter) -> int:
        with self._database.reading() as connection:
            counted = select(func.count()).select_from(_image).where(*wanted.conditions())
            return int(connection.scalar(counted) or 0)

    def events(self, wanted: Filter, *, limit: int = 0, reverse: bool = False) -> Iterator[Event]:
        """Oldest first, or newest first with `reverse`; the latest `limit` of them (0: all)."""
        if not limit:
            yield from self._pages(wanted, reverse=reverse)
        elif reverse:
            yield from self._pages(wanted, reverse=True, limit=limit)
        else:
            yield from self._pages(wanted, start=self._latest(wanted, limit))

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
            (self._runs, _run, "run_id"),
        ):
            if len(known) > _REMEMBERED:
                known.clear()
            missing = {getattr(row, column) for row in rows} - known.keys()
            if missing:
                found = connection.execute(select(table).where(table.c.id.in_(missing)))
                known.update((row.id, _as_known(table.name, row)) for row in found)

    def _event(self, row: Any) -> Event:
        filename, comm, argv, argc, truncated = self._commands[row.command_id]
        uid, euid, gid, message = self._creds[row.creds_id]
        boot_id, host = self._runs[row.run_id]
        return Event(
            id=row.id,
            run_id=row.run_id,
            time_ns=row.time_ns,
            boot_ns=row.boot_ns,
            boot_id=boot_id,
            host=host,
            pid=row.pid,
            ppid=row.ppid,
            uid=uid,
            euid=euid,
            gid=gid,
            comm=comm,
            filename=filename,
            argv=argv,
            argc=argc,
            truncated=truncated,
            message=message,
            errno=None,
            caller=None,
            exit_code=None,
            signal=None,
            duration_ns=None,
            parent_id=None,
        )


def _ordered(query: Select[Any], wanted: Filter, *, reverse: bool) -> Select[Any]:
    keys = (_image.c.time_ns, _image.c.id)
    order = [key.desc() for key in keys] if reverse else keys
    return query.where(*wanted.conditions()).order_by(*order)


def _as_known(table: str, row: Any) -> tuple[Any, ...]:
    if table == "command":
        argv = tuple(json.loads(row.argv))
        return readable(row.filename), readable(row.comm), argv, row.argc, bool(row.truncated)
    if table == "creds":
        return row.uid, row.euid, row.gid, readable(row.message)
    return row.boot_id, row.host
