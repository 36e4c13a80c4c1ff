"""What the database says of itself: runs, totals, size."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import func, select

from execdb.store import schema
from execdb.store.database import Database
from execdb.store.errors import DatabaseError
from execdb.store.intern import readable
from execdb.store.typed import check_rows


@dataclass(frozen=True)
class State:
    """Runs are newest first, as dicts with the columns of the `runs` view. `losses` are sums by
    cause: of execs, and when the first was lost and the last."""

    events: int
    first_ns: int | None
    last_ns: int | None
    size_bytes: int  # of the database and its WAL
    runs: list[dict[str, Any]]
    losses: list[dict[str, Any]]


def read_state(database: Database) -> State:
    run, segment = schema.run, schema.segment
    with database.reading() as connection:
        events, first, last = connection.execute(
            select(
                func.coalesce(func.sum(segment.c.last_id - segment.c.first_id + 1), 0),
                func.min(segment.c.first_boot_ns + segment.c.offset_ns),
                func.max(segment.c.last_boot_ns + segment.c.offset_ns),
            ).where(segment.c.first_id > 0)
        ).one()
        rows = connection.execute(
            select(run).where(run.c.kind == "collect").order_by(run.c.id.desc())
        ).all()
        check_rows(run, rows)
        times = [value for value in (first, last) if value is not None]
        if any(type(value) is not int for value in (events, *times)) or any(
            row.started_ns is None for row in rows
        ):
            raise DatabaseError("the database does not hold together: a time is no number")
        losses = connection.execute(select(schema.loss)).all()
        check_rows(schema.loss, losses)
        runs = [{"run_id": row.id, **_public(row._asdict())} for row in rows]
    files = (database.path, database.path.with_name(database.path.name + "-wal"))
    size = sum(file.stat().st_size for file in files if file.exists())
    return State(events, first, last, size, runs, _by_cause(losses))


def _by_cause(losses: Sequence[Any]) -> list[dict[str, Any]]:
    sums: dict[str, dict[str, Any]] = {}
    for loss in losses:
        cause = str(readable(loss.cause))
        known = sums.setdefault(
            cause, {"cause": cause, "lost": 0, "from_ns": loss.from_ns, "to_ns": loss.to_ns}
        )
        known["lost"] += loss.lost
        known["from_ns"] = min(known["from_ns"], loss.from_ns)
        known["to_ns"] = max(known["to_ns"], loss.to_ns)
    return sorted(sums.values(), key=itemgetter("cause"))


def _public(row: dict[str, Any]) -> dict[str, Any]:
    hidden = ("id", "kind")
    return {
        key: readable(value) if isinstance(value, bytes) else value
        for key, value in row.items()
        if key not in hidden
    }
