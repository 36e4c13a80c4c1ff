"""NDJSON in: what `query --format ndjson` writes, `import` reads."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from sqlalchemy import Connection, func, insert, select

from execdb.store import schema
from execdb.store.database import Database
from execdb.store.errors import BadEvent
from execdb.store.event import Command, Creds, raw_of
from execdb.store.intern import Interner, insert_sql

_CHUNK = 2_000  # events looked up and written together
_INT64 = (1 << 63) - 1
_U32 = (1 << 32) - 1


# What may stand under a key: kind, least, most. Those of a file of its own are not imported.
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
_IGNORED = {"id", "run_id", "time", "parent_id"}
_LATER = {"errno", "caller", "exit_code", "signal", "duration_ns"}
_KEYS = {*_INTS, *_TEXTS, "argv", "argc", "truncated", *_IGNORED, *_LATER}


class Imported(tuple):  # type: ignore[type-arg]
    """(boot_id, host), time_ns, boot_ns, pid, ppid, Creds, Command."""

    __slots__ = ()


def parse(line: str) -> Imported:
    """One event from one line of NDJSON. Raises BadEvent with what is wrong with it."""
    try:
        values = json.loads(line)
    except ValueError as error:
        raise BadEvent(f"not JSON: {error}") from error
    except RecursionError as error:
        raise BadEvent("not an event: nested too deeply") from error
    if not isinstance(values, dict):
        raise BadEvent("not an event: a JSON object is expected")
    unknown = values.keys() - _KEYS
    if unknown:
        raise BadEvent(f"unknown key {min(unknown)!r}")
    for key, most in _INTS.items():
        _check_int(values, key, most)
    for key in _TEXTS:
        _check_text(key, _present(values, key))
    argv = _present(values, "argv")
    if not isinstance(argv, list):
        raise BadEvent("argv must be a list of texts")
    for argument in argv:
        _check_text("argv", argument)
    values.setdefault("argc", len(argv))
    _check_int(values, "argc", _U32)
    truncated = values.setdefault("truncated", False)
    if not isinstance(truncated, bool):
        raise BadEvent("truncated must be true or false")
    if not truncated and values["argc"] != len(argv):
        raise BadEvent(f"argc is {values['argc']}, but argv has {len(argv)} and is not truncated")
    return Imported(
        (
            (values["boot_id"], values["host"]),
            values["time_ns"],
            values["boot_ns"],
            values["pid"],
            values["ppid"],
            Creds(values["uid"], values["euid"], values["gid"], values["message"]),
            Command(values["filename"], values["comm"], tuple(argv), values["argc"], truncated),
        )
    )


def _present(values: dict[str, Any], key: str) -> Any:
    try:
        return values[key]
    except KeyError:
        raise BadEvent(f"{key} is missing") from None


def _check_int(values: dict[str, Any], key: str, most: int) -> None:
    value = _present(values, key)
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


def import_lines(database: Database, lines: Iterable[str]) -> tuple[int, int]:
    """Adds the events that are not there yet, all or none; returns (added, already there).

    An event is known by boot_id, boot_ns, pid and time_ns. Raises BadEvent naming the line.
    """
    added = known = 0
    target = _Target()
    numbered = enumerate(lines, 1)
    with database.writing() as connection:
        target.begin(connection)
        while chunk := list(_parsed(islice(numbered, _CHUNK))):
            fresh = target.without_known(connection, chunk)
            target.add(connection, fresh)
            added += len(fresh)
            known += len(chunk) - len(fresh)
    return added, known


def _parsed(lines: Iterator[tuple[int, str]]) -> Iterator[Imported]:
    for number, line in lines:
        try:
            yield parse(line)
        except BadEvent as error:
            raise BadEvent(f"line {number}: {error}; nothing was imported") from error


class _Target:
    """Where imported events go, within one transaction."""

    def __init__(self) -> None:
        self._interner = Interner()
        self._insert = insert_sql(schema.image)
        self._runs: dict[tuple[str, str], int] = {}
        self._next = 1

    def begin(self, connection: Connection) -> None:
        self._interner.begin(connection)
        self._next = (connection.scalar(select(func.max(schema.image.c.id))) or 0) + 1

    def without_known(self, connection: Connection, chunk: list[Imported]) -> list[Imported]:
        """The events of the chunk that the database does not hold, each once."""
        image, run = schema.image, schema.run
        times = func.json_each(json.dumps([event[1] for event in chunk])).table_valued("value")
        found = connection.execute(
            select(run.c.boot_id, image.c.time_ns, image.c.boot_ns, image.c.pid)
            .join_from(image, run, run.c.id == image.c.run_id)
            .where(image.c.time_ns.in_(select(times.c.value)))
        )
        seen = {tuple(row) for row in found}
        fresh = []
        for event in chunk:
            key = (event[0][0], event[1], event[2], event[3])
            if key not in seen:
                seen.add(key)
                fresh.append(event)
        return fresh

    def add(self, connection: Connection, events: list[Imported]) -> None:
        if not events:
            return
        command_id, creds_id = self._interner.commands.id, self._interner.creds.id
        rows = [
            (
                number,
                self._run(connection, event[0]),
                *event[1:5],
                creds_id(event[5]),
                command_id(event[6]),
            )
            for number, event in enumerate(events, self._next)
        ]
        self._next += len(rows)
        self._interner.flush(connection)
        connection.exec_driver_sql(self._insert, rows)

    def _run(self, connection: Connection, origin: tuple[str, str]) -> int:
        """The run that stands for everything imported from one boot of one machine."""
        if origin not in self._runs:
            boot_id, host = origin
            run = schema.run
            found = connection.scalar(
                select(run.c.id).where(
                    run.c.kind == "import", run.c.boot_id == boot_id, run.c.host == host
                )
            )
            if found is None:
                done = connection.execute(
                    insert(run).values(kind="import", boot_id=boot_id, host=host)
                )
                assert done.inserted_primary_key is not None
                found = done.inserted_primary_key[0]
            self._runs[origin] = int(found)
        return self._runs[origin]
