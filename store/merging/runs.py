"""The runs of another file, and the runs of this one that they become."""

from sqlite3 import Connection
from typing import Any

from execdb.store.errors import DatabaseError
from execdb.store.file.column_types import check_rows
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.file.text import storable
from execdb.store.segments.run import RunRow, run_rows

_NAME_MAX, _WORD_MAX, _COUNT_MAX = 255, 255, 1 << 53


def read_runs(database: Database) -> list[RunRow]:
    """Raises DatabaseError for what no collector can have written."""
    with database.reading() as connection:
        if connection.execute(_OVERLAP).fetchone() is not None:
            raise _broken(database, "segments claim the same rows")
        rows = connection.execute("SELECT * FROM run ORDER BY id").fetchall()
        runs = run_rows(connection, rows)
    for run in runs:
        _check(database, run)
    return runs


def _check(database: Database, run: RunRow) -> None:
    texts = run.host, run.boot_id, run.kernel or "", run.version or ""
    if max(map(len, texts)) > _NAME_MAX or any("\0" in text for text in texts):
        raise _broken(database, f"run {run.id} has a name that no machine has")
    if run.ended not in (None, "clean", "crashed") or run.kind not in _KINDS:
        raise _broken(database, f"run {run.id} is of no kind")
    counts = run.seen, run.stored, run.filtered, run.lost, run.pruned
    if not all(0 <= count <= _COUNT_MAX for count in counts):
        raise _broken(database, f"run {run.id} has impossible counts")
    if run.recorded and run.global_id is None:
        raise _broken(database, f"run {run.id} has no number of its own")


def _broken(database: Database, what: str) -> DatabaseError:
    return DatabaseError(f"{database.path} is inconsistent: {what}; nothing was imported")


_KINDS = ("collect", "import", "merge")
_OVERLAP = """
SELECT 1 FROM (SELECT first_id, lag(last_id) OVER (ORDER BY first_id) AS before FROM segment)
WHERE before >= first_id LIMIT 1
"""


def own_run(connection: Connection, run: RunRow) -> bool:
    """Whether this file's own collector made the run: the other file is a copy of this one."""
    return scalar(connection, _OWN, _identity(run)) is not None


def merged_run(connection: Connection, run: RunRow) -> int:
    """The id of the run here; makes it if there is none."""
    found = scalar(connection, _MERGED, _identity(run))
    if found is None:
        found = connection.execute(_NEW, _identity(run)).lastrowid
    return int(found)


def _identity(run: RunRow) -> tuple[int | None, str | bytes, str | bytes]:
    return run.global_id, storable(run.host), storable(run.boot_id)


_OF = "global_id = ? AND host = ? AND boot_id = ?"
_OWN = f"SELECT id FROM run WHERE kind = 'collect' AND {_OF}"
_MERGED = f"SELECT id FROM run WHERE kind = 'merge' AND {_OF}"
_NEW = "INSERT INTO run (kind, global_id, host, boot_id) VALUES ('merge', ?, ?, ?)"


def copy_ledger(source: Connection, target: Connection, run: RunRow, run_id: int) -> None:
    """Makes the ledger of run `run_id` that of the other file, unless it knows more already. What
    neither file has any more counts as pruned. Raises DatabaseError."""
    rows = int(scalar(source, _ROWS, (run.id,)) or 0)
    missing = max(0, run.stored - run.pruned - rows)
    here = int(scalar(target, _ROWS, (run_id,)) or 0)
    values = run._asdict() | {"run_id": run_id}
    values |= {"kernel": storable(run.kernel), "version": storable(run.version)}
    target.execute(_UPDATE, values)
    target.execute(_PRUNED, (here + missing, run_id))
    for table, columns, grows in _INTERVALS:
        names = ", ".join(columns)
        found = source.execute(f"SELECT * FROM {table} WHERE run_id = ? ORDER BY number", (run.id,))
        while some := found.fetchmany(1_000):
            check_rows(source, table, some)
            target.executemany(
                f"INSERT INTO {table} (run_id, {names}) VALUES (?{', ?' * len(columns)})"
                " ON CONFLICT (run_id, number) DO UPDATE SET from_ns = excluded.from_ns,"
                f" to_ns = excluded.to_ns, {grows} = excluded.{grows}"
                f" WHERE excluded.{grows} > {grows}",
                [(run_id, *map(_short, row[1:])) for row in some],
            )
    sets = source.execute("SELECT * FROM clock_set WHERE run_id = ? ORDER BY id", (run.id,))
    while some := sets.fetchmany(1_000):
        check_rows(source, "clock_set", some)
        target.executemany(_CLOCK_SET, [(run_id, *row[2:]) * 2 for row in some])


def _short(value: Any) -> Any:
    return value[:_WORD_MAX] if isinstance(value, str | bytes) else value


_INTERVALS = (
    ("loss", ("number", "cause", "from_ns", "to_ns", "lost"), "lost"),
    (
        "filtered",
        ("number", "cause", "rule", "uid", "from_ns", "to_ns", "filtered"),
        "filtered",
    ),
)
_ROWS = "SELECT sum(last_id - first_id + 1) FROM segment WHERE run_id = ? AND first_id > 0"
_UPDATE = """
UPDATE run SET kernel = :kernel, version = :version, started_ns = :started_ns,
ended_ns = :ended_ns, ended = :ended, seen = :seen, stored = :stored, filtered = :filtered,
lost = :lost, alive_ns = :alive_ns
WHERE id = :run_id AND (started_ns IS NULL
    OR (seen, coalesce(alive_ns, 0), ended IS NOT NULL)
       <= (:seen, coalesce(:alive_ns, 0), :ended IS NOT NULL))
"""
_PRUNED = "UPDATE run SET pruned = max(0, stored - ?) WHERE id = ?"
_CLOCK_SET = (
    "INSERT INTO clock_set (run_id, before_ns, after_ns) SELECT ?, ?, ? WHERE NOT EXISTS"
    " (SELECT 1 FROM clock_set WHERE (run_id, before_ns, after_ns) = (?, ?, ?))"
)
