"""Import: events from elsewhere into the database, each once, all of them or none."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from sqlalchemy import Connection, func, insert, select

from execdb.store import schema
from execdb.store.database import Database
from execdb.store.errors import BadEvent
from execdb.store.intern import Interner, insert_sql, readable, storable
from execdb.store.ndjson import Imported, Parser

_CHUNK = 2_000  # events looked up and written together


def import_lines(database: Database, lines: Iterable[str]) -> tuple[int, int]:
    """Adds the events that are not there yet, all or none; returns (added, already there).

    An event is known by boot_id, time_ns, boot_ns and pid. Raises BadEvent naming the line.
    """
    added = known = 0
    target = _Target()
    numbered, parser = enumerate(lines, 1), Parser()
    with database.writing() as connection:
        target.begin(connection)
        while chunk := list(_parsed(parser, islice(numbered, _CHUNK))):
            fresh = target.add(connection, chunk)
            added += fresh
            known += len(chunk) - fresh
        target.finish(connection)
    return added, known


def _parsed(parser: Parser, lines: Iterator[tuple[int, str]]) -> Iterator[Imported]:
    for number, line in lines:
        try:
            yield parser.parse(line)
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
