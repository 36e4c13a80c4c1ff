"""Runs, as their rows say."""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any, NamedTuple

from execdb.store.file.column_types import check_rows
from execdb.store.file.text import readable


class RunRow(NamedTuple):
    """A row of `run`."""

    id: int
    kind: str
    host: str
    boot_id: str
    kernel: str | None
    version: str | None
    started_ns: int | None
    ended_ns: int | None
    ended: str | None
    seen: int
    stored: int
    filtered: int
    lost: int
    pruned: int
    alive_ns: int | None
    global_id: int | None

    @property
    def recorded(self) -> bool:
        """Whether a collector made it: else it was imported."""
        return self.kind != "import"


def run_rows(connection: Connection, rows: Sequence[Sequence[Any]]) -> list[RunRow]:
    """`rows` are whole rows of `run`. Raises DatabaseError for values of the wrong type."""
    check_rows(connection, "run", rows)
    return [RunRow(*map(_text, row)) for row in rows]


def _text(value: Any) -> Any:
    return readable(value) if isinstance(value, bytes) else value
