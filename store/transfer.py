"""NDJSON in: what `query --format ndjson` writes, `import` reads."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select

from execdb.store import schema
from execdb.store.database import Database
from execdb.store.errors import BadEvent
from execdb.store.event import REPLACED, Command, Creds, Exec, Place, ending, raw_of
from execdb.store.intern import Interner, insert_sql, readable, storable

_CHUNK = 2_000  # events looked up and written together
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
    "parent_id": _INT64,
    "loginuid": _U32,
    "sessionid": _U32,
    "exit_code": 255,
    "signal": 127,
    "duration_ns": _INT64,
}
_OPTIONAL_TEXTS = ("tty", "cwd", "cgroup", "errno", "caller", "ended")
_KEYS = {*_INTS, *_TEXTS, *_OPTIONAL_INTS, *_OPTIONAL_TEXTS, "argv", "argc", "truncated"}
_KEYS |= {"run_id", "time"}  # of the file they come from; not taken over


class Imported(NamedTuple):
    """One event of a file. `id` and `parent_id` are those of the file."""

    host: str
    boot_id: str
    event: Exec
    status: int | None
    duration_ns: int | None
    id: int | None
    parent_id: int | None


def parse(line: str) -> Imported:
    """One event from one line of NDJSON. Raises BadEvent with what is wrong with it."""
    values = _load(line)
    unknown = values.keys() - _KEYS
    if unknown:
        raise BadEvent(f"unknown key {min(unknown)!r}")
    for key, most in _INTS.items():
        _check_int(key, _present(values, key), most)
    for key in _TEXTS:
        _check_text(key, _present(values, key))
    for key, most in _OPTIONAL_INTS.items():
        if values.setdefault(key, None) is not None:
            _check_int(key, values[key], most)
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
    return Exec(
        values["time_ns"],
        values["boot_ns"],
        values["pid"],
        values["ppid"],
        Creds(
            values["uid"],
            values["euid"],
            values["gid"],
            values["loginuid"],
            values["sessionid"],
            values["tty"],
            values["message"],
        ),
        _command(values),
        Place(values["cwd"], values["cgroup"]),
        None,
        False,
        values["errno"],
        values["caller"],
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


def import_lines(database: Database, lines: Iterable[str]) -> tuple[int, int]:
    """Adds the events that are not there yet, all or none; returns (added, already there).

    An event is known by boot_id, time_ns, boot_ns and pid. Raises BadEvent naming the line.
    """
    added = known = 0
    target = _Target()
    numbered = enumerate(lines, 1)
    with database.writing() as connection:
        target.begin(connection)
        while chunk := list(_parsed(islice(numbered, _CHUNK))):
            fresh = target.add(connection, chunk)
            added += fresh
            known += len(chunk) - fresh
        target.finish(connection)
    return added, known


def _parsed(lines: Iterator[tuple[int, str]]) -> Iterator[Imported]:
    for number, line in lines:
        try:
            yield parse(line)
        except BadEvent as error:
            raise BadEvent(f"line {number}: {error}; nothing was imported") from error


_Identity = tuple[str, int, int, int]  # boot_id, time_ns, boot_ns, pid


def _identity(item: Imported) -> _Identity:
    return item.boot_id, item.event.time_ns, item.event.boot_ns, item.event.pid


class _Target:
    """Where imported events go, within one transaction.

    A file's own ids are kept aside in a temporary table until all rows are there: a parent
    may stand behind its child.
    """

    def __init__(self) -> None:
        self._interner = Interner()
        self._insert = insert_sql(schema.image)
        self._runs: dict[tuple[str, str], int] = {}
        self._next = 1

    def begin(self, connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA temp_store = FILE")
        connection.exec_driver_sql("DROP TABLE IF EXISTS temp.imported")
        connection.exec_driver_sql(
            "CREATE TEMP TABLE imported (run_id, source_id, id, parent_source_id,"
            " PRIMARY KEY (run_id, source_id)) WITHOUT ROWID"
        )
        self._interner.begin(connection)
        self._next = (connection.scalar(select(func.max(schema.image.c.id))) or 0) + 1

    def add(self, connection: Connection, chunk: list[Imported]) -> int:
        """Adds what the database does not hold; returns how many that were."""
        known = self._known(connection, chunk)
        rows: list[tuple[Any, ...]] = []
        sources: list[tuple[int, int, int, int | None]] = []
        for item in chunk:
            identity = _identity(item)
            run_id = self._run(connection, item.host, item.boot_id)
            if identity not in known:
                known[identity] = self._next
                rows.append(self._row(run_id, item))
                self._next += 1
                parent_id = item.parent_id
            else:
                parent_id = None  # the row that is there keeps its own
            if item.id is not None:
                sources.append((run_id, item.id, known[identity], parent_id))
        self._interner.flush(connection)
        if rows:
            connection.exec_driver_sql(self._insert, rows)
        if sources:
            connection.exec_driver_sql(
                "INSERT OR IGNORE INTO imported VALUES (?, ?, ?, ?)", sources
            )
        return len(rows)

    def finish(self, connection: Connection) -> None:
        """Parents, under the ids they have here; those that were not imported are unknown."""
        connection.exec_driver_sql(
            "UPDATE image SET parent_id = ("
            " SELECT parent.id FROM imported AS parent"
            " WHERE parent.run_id = child.run_id AND parent.source_id = child.parent_source_id)"
            " FROM imported AS child"
            " WHERE child.id = image.id AND child.parent_source_id IS NOT NULL"
        )
        connection.exec_driver_sql("DROP TABLE temp.imported")

    def _row(self, run_id: int, item: Imported) -> tuple[Any, ...]:
        (time_ns, boot_ns, pid, ppid, creds, command, place, _, _, errno, caller) = item.event
        return (
            self._next, run_id, time_ns, boot_ns, pid, ppid, self._interner.creds[creds],
            self._interner.commands[command], self._interner.places[place], None,
            item.status, item.duration_ns, storable(errno), storable(caller), None,
        )  # fmt: skip

    def _known(self, connection: Connection, chunk: list[Imported]) -> dict[_Identity, int]:
        """The rows that the database holds of these events."""
        image, run = schema.image, schema.run
        times = func.json_each(json.dumps([item.event.time_ns for item in chunk]))
        values = times.table_valued("value")
        found = connection.execute(
            select(run.c.boot_id, image.c.time_ns, image.c.boot_ns, image.c.pid, image.c.id)
            .join_from(image, run, run.c.id == image.c.run_id)
            .where(image.c.time_ns.in_(select(values.c.value)), image.c.seen.is_(None))
        )
        return {(readable(row[0]), row[1], row[2], row[3]): row[4] for row in found}

    def _run(self, connection: Connection, host: str, boot_id: str) -> int:
        """The run that stands for everything imported from one boot of one machine."""
        if (host, boot_id) not in self._runs:
            run = schema.run
            texts = {"boot_id": storable(boot_id), "host": storable(host)}
            found = connection.scalar(
                select(run.c.id).where(
                    run.c.kind == "import",
                    run.c.boot_id == texts["boot_id"],
                    run.c.host == texts["host"],
                )
            )
            if found is None:
                done = connection.execute(insert(run).values(kind="import", **texts))
                assert done.inserted_primary_key is not None
                found = done.inserted_primary_key[0]
            self._runs[host, boot_id] = int(found)
        return self._runs[host, boot_id]
