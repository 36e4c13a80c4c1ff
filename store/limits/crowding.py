"""Which user fills a file, so that rows of others need not be removed for theirs.

Where most rows are of one user, and half of those came within a day, that user's rows are removed
before older rows of others. A user who has most of the rows because of long and steady work does
not crowd out anybody: then the oldest rows are removed, whoever's they are.
"""

import json
from collections.abc import Iterator, Sequence
from sqlite3 import Connection
from typing import NamedTuple

from execdb.store.file.sql import scalar
from execdb.store.limits.removal import Range
from execdb.store.segments.segment import Segment, segments_of

_SAMPLE = 499  # rows
_SHARE = 0.5  # of the rows
_FLOOD_NS = 86_400_000_000_000
_RUN_MIN = 64  # rows; shorter runs stay, so that segments are not split into tiny ones
_SEGMENTS_MAX = 4_096  # every question reads all segments: with more, none is split any further
_LOOK_STEPS = 16  # how often the sample is taken


def shares(connection: Connection) -> dict[int, float]:
    """The part of the rows that each user has, largest first; estimated from a sample."""
    times = _times(connection)
    total = sum(map(len, times.values()))
    found = {uid: len(theirs) / total for uid, theirs in times.items()}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def crowding(connection: Connection) -> int | None:
    """The user whose rows should be removed before older ones of others; None if there is none."""
    if scalar(connection, "SELECT count(*) FROM segment") > _SEGMENTS_MAX:
        return None
    times = _times(connection)
    uid = max(times, key=lambda each: len(times[each]), default=None)
    if uid is None or len(times[uid]) <= _SHARE * sum(map(len, times.values())):
        return None
    theirs = sorted(times[uid])
    half = len(theirs) // 2
    shortest_ns = min(theirs[at + half] - theirs[at] for at in range(len(theirs) - half))
    return uid if shortest_ns <= _FLOOD_NS else None


def _times(connection: Connection) -> dict[int, list[int]]:
    """When the rows of a sample began, by user."""
    segments = [segment for segment in segments_of(connection) if segment.first_id > 0]
    ids = json.dumps(list(_spread(segments)))
    times: dict[int, list[int]] = {}
    for uid, time_ns in connection.execute(_UIDS, (ids,)).fetchall():
        times.setdefault(uid, []).append(time_ns)
    return times


def _spread(segments: Sequence[Segment]) -> Iterator[int]:
    """Ids at equal distances."""
    rows = sum(segment.last_id - segment.first_id + 1 for segment in segments)
    step, at = max(1, rows // _SAMPLE), 0
    for segment in segments:
        count = segment.last_id - segment.first_id + 1
        yield from range(segment.first_id + at, segment.last_id + 1, step)
        at = (at - count) % step


class CrowdRows(NamedTuple):
    """Runs of rows of one segment that are all of one user."""

    uid: int
    segment: Segment
    runs: list[Range]


class Crowd:
    """Walks through the rows of the user who crowds out the others, oldest first."""

    def __init__(self) -> None:
        self._uid: int | None = None
        self._after = 0  # the last row that was looked at
        self._steps = 0

    def next(self, connection: Connection, oldest: Segment, most: int) -> CrowdRows | None:
        """Of the next `most` rows those to be removed before the first `most` of the oldest
        segment. None where nobody crowds out others, or no more such rows are found."""
        if self._steps % _LOOK_STEPS == 0:
            before, self._uid = self._uid, crowding(connection)
            self._after = self._after if before == self._uid else 0
        self._steps += 1
        uid = self._uid
        rows = oldest.first_id, min(oldest.last_id, oldest.first_id + most - 1)
        if uid is None or scalar(connection, _ANY_OTHER, (*rows, uid)) is None:
            return None
        row = connection.execute(_NEXT, (self._after,)).fetchone()
        if row is None:
            return None
        segment = Segment(*row)
        first = max(segment.first_id, self._after + 1)
        last = self._after = min(segment.last_id, first + most - 1)
        return CrowdRows(uid, segment, _runs(connection, uid, first, last))


def _runs(connection: Connection, uid: int, first: int, last: int) -> list[Range]:
    """Runs of a user's rows among `first` to `last`. The newest row of the file is never part of
    one, so that no id is given twice."""
    newest = int(scalar(connection, "SELECT max(last_id) FROM segment"))
    runs, begin = [], first
    others = connection.execute(_OTHERS, (first, last, uid)).fetchall()
    for (other,) in [*others, (min(last + 1, newest),)]:
        if other - begin >= _RUN_MIN:
            runs.append((begin, other - 1))
        begin = other + 1
    return runs


_UIDS = (
    "SELECT uid, time_ns FROM json_each(?) AS wanted CROSS JOIN image ON image.id = wanted.value"
)
_OTHERS = "SELECT id FROM image WHERE id BETWEEN ? AND ? AND uid != ? ORDER BY id"
_ANY_OTHER = _OTHERS + " LIMIT 1"
_NEXT = "SELECT * FROM segment WHERE first_id > 0 AND last_id > ? ORDER BY first_id LIMIT 1"
