"""What keys of an event take in the file: the same history with and without them."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from execdb.store.account import Counts
from execdb.store.event import Exec
from execdb.store.file.create import prepare
from execdb.store.file.database import open_database
from execdb.store.writing.recording import Machine, Recording
from tests.bench.workloads import synthetic
from tests.bench.workloads.fill import trace

_CONTAINER = "8f3a" * 16
_WITHOUT: Mapping[str, Mapping[str, Any]] = {
    "exe": {"exe": None, "exe_device": None, "exe_inode": None},
    "namespaces": {"pid_ns": None, "mnt_ns": None, "user_ns": None, "ns_pid": None},
    "cost": {"cpu_ns": None, "max_rss_kb": None},
    "generation": {"config_generation": 0},
    "cwd_deleted": {"cwd_deleted": False},
    "container": {"container": None},
}
_PRESENT = {
    **{"pid_ns": 4_026_532_201, "mnt_ns": 4_026_532_199, "user_ns": 4_026_532_198},
    **{"config_generation": 11, "cwd_deleted": False, "container": _CONTAINER},
}


def bytes_of_keys(events: int) -> dict[str, float]:
    """Bytes a row, by group of keys."""
    whole = _size(events, {})
    found = {name: _size(events, without) for name, without in _WITHOUT.items()}
    found["all"] = _size(events, {k: v for part in _WITHOUT.values() for k, v in part.items()})
    return {name: (whole - size) / events for name, size in found.items()}


def _size(events: int, without: Mapping[str, Any]) -> int:
    """Of a file with these values instead of what is usual in a container."""
    stored = 0
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as folder:
        db = Path(folder, "keys.db")
        prepare(db, create=True)
        with open_database(db) as database:
            machine = Machine(host="bench", boot_id="made-up", kernel="6.1.0")
            recording = Recording(database, machine, "bench", synthetic.START_NS)
            for execs, ends in synthetic.builds(trace(), events):
                stored += len(execs)
                changed = [_with(each, without) for each in execs]
                recording.write(changed, [_replaced(e, without) for e in ends],
                                Counts(stored, stored, 0, 0))  # fmt: skip
            recording.finish(synthetic.START_NS + synthetic.MONTH_NS, Counts(stored, stored, 0, 0))
            database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return db.stat().st_size


def _with(exec_: Exec, without: Mapping[str, Any]) -> Exec:
    values = {**_PRESENT, "ns_pid": exec_.pid % 977 + 2, **without}
    start = exec_.start
    start = start._replace(
        creds=_replaced(start.creds, values),
        command=_replaced(start.command, without),
        place=_replaced(start.place, values),
    )
    changed: Exec = _replaced(exec_._replace(start=start), values)
    return changed


def _replaced(record: Any, values: Mapping[str, Any]) -> Any:
    """With those of the values that it has a place for."""
    return record._replace(**{k: v for k, v in values.items() if k in record._fields})
