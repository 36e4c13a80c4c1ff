"""What people did beside the recording: marks, and changes of the config."""

from execdb.store.config.log import read_log
from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database
from execdb.store.writing.marks import read_marks

_CHANGES_MAX = 10_000  # of the config, the latest ones

Remark = tuple[int, str]  # time_ns, and what is recorded text: escape it before a person sees it


def remarks(database: Database, since_ns: int | None, until_ns: int | None) -> list[Remark]:
    """Those of a time, in its order. Raises DatabaseError."""
    with database.reading() as connection:
        found = [
            (mark.time_ns, f"mark: {mark.text}")
            for mark in read_marks(connection, since_ns, until_ns)
        ]
        for row in read_log(connection, _CHANGES_MAX):
            if not isinstance(row.time_ns, int):
                raise DatabaseError("the database is inconsistent: config_change has no time")
            if (since_ns or 0) <= row.time_ns and (until_ns is None or row.time_ns < until_ns):
                text = f"config {row.action} {row.subject}: {row.after or 'none'}"
                found.append((row.time_ns, text))
    return sorted(found)
