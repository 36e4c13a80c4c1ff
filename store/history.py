"""Reading: one filter vocabulary and one path for query, replay and count."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, func, or_, select, tuple_

from execdb.store import schema
from execdb.store.database import Database
from execdb.store.errors import DatabaseError
from execdb.store.event import Event, ending
from execdb.store.filter import Filter, ancestors, descendants, glob_bytes, has_arg
from execdb.store.intern import readable

_PAGE = 1_000  # rows a transaction
_REMEMBERED = 8_192  # interned rows of a kind

_image, _command, _creds, _run = schema.image, schema.command, schema.creds, schema.run
_place = schema.place


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
                    or_(_image.c.id.in_(ancestors(number)), _image.c.id.in_(descendants(number)))
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
