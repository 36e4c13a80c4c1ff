"""Finds rows that are missing although nothing says that execdb removed them."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from sqlite3 import Connection

from execdb.store.file.column_types import check_rows
from execdb.store.file.sql import scalar
from execdb.store.segments.segment import Segment, segments_of


def missing_rows(connection: Connection, *, all_segments: bool) -> list[str]:
    """Compares the rows with the segments, and these with the counts of runs. Returns a sentence
    about each difference. Reads all rows with `all_segments`, else those of the newest segment.
    Raises DatabaseError for values of a wrong type."""
    segments = segments_of(connection)
    for one, following in pairwise(segments):
        if one.last_id >= following.first_id:
            return [f"segments {one.first_id} and {following.first_id} claim the same rows"]
    looked_at = segments if all_segments else segments[-1:]
    return [*_not_claimed(connection, segments), *_not_there(connection, looked_at)]


def _not_claimed(connection: Connection, segments: Sequence[Segment]) -> Iterator[str]:
    """Rows that belong to no segment. Ids have no gaps, and removed rows are counted."""
    claimed: dict[int, int] = {}
    for segment in segments:
        if segment.first_id > 0:
            rows = segment.last_id - segment.first_id + 1
            claimed[segment.run_id] = claimed.get(segment.run_id, 0) + rows
    check_rows(connection, "run", connection.execute("SELECT * FROM run").fetchall())
    runs = connection.execute("SELECT id, kind <> 'import', stored, pruned FROM run").fetchall()
    for number, collected, stored, pruned in runs:
        missing = stored - pruned - claimed.get(number, 0)
        if collected and missing > 0:
            yield (
                f"{missing} rows of run {number} are missing: {stored} were stored, {pruned} were "
                "pruned"
            )
    missing = segments[-1].last_id if segments else 0
    missing -= sum(claimed.values()) + sum(pruned for *_, pruned in runs)
    if missing > 0:
        yield f"{missing} more rows are missing: their ids were given, and they were not pruned"


def _not_there(connection: Connection, segments: Sequence[Segment]) -> Iterator[str]:
    for segment in segments:
        first, last = segment.first_id, segment.last_id
        there = scalar(
            connection, "SELECT count(*) FROM image WHERE id BETWEEN ? AND ?", segment[:2]
        )
        if there != last - first + 1:
            yield f"{last - first + 1 - there} of the rows {first} to {last} are missing"
