"""Who fills a file, so that rows of others need not go for theirs.

Where most rows are of one user, and half of those came within a day, that user's rows go first:
in runs, between which rows of others stay. A segment is split for that. Who has most of the rows
because of long and steady work crowds out nobody: there the oldest rows go, whoever's they are.
"""

import json
from collections.abc import Iterator, Sequence
from sqlite3 import Connection

from execdb.store.file.sql import scalar
from execdb.store.schema import constants
from execdb.store.segments.segment import Segment, segments_of

_SAMPLE = 499  # rows
_SHARE = 0.5  # of the rows
_FLOOD_NS = 86_400_000_000_000
_RUN_MIN = 64  # rows; shorter runs stay, and so do the segments that they would split
_SEGMENTS_MAX = 4_096  # every question looks at all of them

Run = tuple[int, int]  # ids: first, last


def shares(connection: Connection) -> dict[int, float]:
    """The part of the rows that each user has, greatest first; by a sample of them."""
    times = _times(connection)
    total = sum(map(len, times.values()))
    found = {uid: len(theirs) / total for uid, theirs in times.items()}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _times(connection: Connection) -> dict[int, list[int]]:
    """When rows of a sample began, by user."""
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


def crowding(connection: Connection) -> int | None:
    """The user whose rows should go before older ones of others; None if nobody's."""
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


def alone(connection: Connection, rows: Run, uid: int) -> bool:
    """Whether all these rows are of a user."""
    return scalar(connection, _ANY_OTHER, (*rows, uid)) is None


def runs_of(
    connection: Connection, uid: int, after: int, most: int
) -> tuple[Segment, list[Run], int] | None:
    """Among the next rows behind an id, of one segment and not more than `most`: the runs that are
    a user's alone; and the last id that was looked at. None where there are no more rows. The last
    row of all stays, so that no id is given twice."""
    row = connection.execute(_NEXT, (after,)).fetchone()
    if row is None:
        return None
    segment = Segment(*row)
    first = max(segment.first_id, after + 1)
    last = min(segment.last_id, first + most - 1)
    newest = int(scalar(connection, "SELECT max(last_id) FROM segment"))
    runs, begin = [], first
    others = connection.execute(_OTHERS, (first, last, uid)).fetchall()
    for (other,) in [*others, (min(last + 1, newest),)]:
        if other - begin >= _RUN_MIN:
            runs.append((begin, other - 1))
        begin = other + 1
    return segment, runs, last


def front(segment: Segment, last_id: int, last_boot_ns: int) -> Segment:
    """The segment, up to a row."""
    known = segment.known_entry_ids
    blocks = (segment.last_id >> constants.BLOCK_BITS) - (last_id >> constants.BLOCK_BITS)
    if known is not None and blocks:
        ids = json.loads(known)[:-blocks]
        known = json.dumps(ids, separators=(",", ":")) if len(ids) > 1 else None
    return segment._replace(last_id=last_id, last_boot_ns=last_boot_ns, known_entry_ids=known)


_UIDS = (
    "SELECT uid, boot_ns + offset_ns FROM json_each(?) AS wanted"
    " CROSS JOIN image ON image.id = wanted.value CROSS JOIN origin ON origin.id = origin_id"
    " CROSS JOIN segment ON first_id ="
    " (SELECT max(first_id) FROM segment AS earlier WHERE earlier.first_id <= image.id)"
)
_OTHERS = (
    "SELECT image.id FROM image CROSS JOIN origin ON origin.id = origin_id"
    " WHERE image.id BETWEEN ? AND ? AND uid != ? ORDER BY image.id"
)
_ANY_OTHER = _OTHERS + " LIMIT 1"
_NEXT = "SELECT * FROM segment WHERE first_id > 0 AND last_id > ? ORDER BY first_id LIMIT 1"
