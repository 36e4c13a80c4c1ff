"""What people did beside the recording: marks, and changes of the config."""

from typing import TYPE_CHECKING

from execdb.store.errors import DatabaseError

if TYPE_CHECKING:
    from execdb.store.asking.store import Store
    from execdb.store.reading.filter import Filter

_CHANGES_MAX = 10_000  # of the config, the latest ones

Remark = tuple[int, str]  # time_ns, and what is recorded text: escape it before a person sees it


def remarks(
    store: "Store", wanted: "Filter", since_ns: int | None, until_ns: int | None
) -> list[Remark]:
    """Those of a time, in its order. Raises DatabaseError, CentralError."""
    found = [
        (mark.time_ns, f"mark: {mark.text}") for mark in store.marks(wanted, since_ns, until_ns)
    ]
    for row in store.changes(wanted, _CHANGES_MAX):
        if not isinstance(row.time_ns, int):
            raise DatabaseError("the database is inconsistent: config_change has no time")
        if (since_ns or 0) <= row.time_ns and (until_ns is None or row.time_ns < until_ns):
            found.append((row.time_ns, f"config {row.what}: {row.after or 'none'}"))
    return sorted(found)
