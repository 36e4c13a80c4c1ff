"""How many events there are in each interval of time, how many of them failed, and by which values:
counted where that is quick, estimated from a sample of rows where it is not.

Rows of a segment have ids without gaps in the order of time, so where an interval begins and ends
is found by binary search, and what lies between needs no reading unless there are conditions.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest

from execdb.store.browsing.pieces import Piece, chunks_of, cuts_of, pieces_of
from execdb.store.errors import DatabaseError
from execdb.store.event import REPLACED
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.reading.narrowing import joined
from execdb.store.reading.selection import Selection, parts_of
from execdb.store.segments.blocks import count_failures

ROWS_MAX = 40_000  # read for one survey
_FEW = 8  # times as many rows are read if that is all of those that may match
_AT_ONCE = 16  # chunks of one transaction

Kind = tuple[int, int, int | None, str | None]  # origin_id, program_id, status, errno


@dataclass
class Interval:
    """Of the events from `from_ns` up to `to_ns`: how many, and how many of them failed."""

    from_ns: int
    to_ns: int
    execs: float = 0
    failed: float = 0


@dataclass
class Survey:
    """`kinds` counts the events by what rows refer to. Where `exact`, `execs_exact` or
    `failed_exact` is false, all the numbers, those of events or those of failures are estimates
    from `read` of `rows` rows. What is before `since_ns`, if that is given, was not counted."""

    intervals: list[Interval]
    kinds: dict[Kind, float] = field(default_factory=dict)
    rows: int = 0
    read: int = 0
    execs_exact: bool = True
    failed_exact: bool = True
    since_ns: int | None = None

    @property
    def exact(self) -> bool:
        return self.read >= self.rows

    @property
    def execs(self) -> int:
        return round(sum(interval.execs for interval in self.intervals))

    @property
    def failed(self) -> int:
        return round(sum(interval.failed for interval in self.intervals))


def survey(
    history: History,
    wanted: Filter,
    edges: Sequence[int],
    *,
    rows_max: int = ROWS_MAX,
    late: Callable[[], bool] = lambda: False,
) -> Survey:
    """Counts between each two neighbours of `edges`, which are at least two times in order. The
    filter must not ask for anything outside of them. Reads about `rows_max` rows, or fewer once it
    is `late`. Until then terms about arguments are looked for in the newest segments first. Raises
    DatabaseError."""
    found = Survey([Interval(*pair) for pair in pairwise(edges)])
    with history.database.reading() as connection:
        selection = history.select(connection, wanted)
    pieces = _pieces(history, found, selection, edges, late)
    found.rows = sum(piece.rows for some in pieces for piece in some)
    plain = selection.ids is None and not selection.entries and not _conditions(selection.wanted)
    most = rows_max if plain else _FEW * rows_max
    share = 1.0 if found.rows <= most else rows_max / found.rows
    samples = _read(history, pieces, share, late)
    try:
        for interval, some, sample in zip(found.intervals, pieces, samples, strict=True):
            _add(found, interval, sum(piece.rows for piece in some), sample, plain=plain)
    except TypeError as error:
        raise DatabaseError(
            "the database is inconsistent: a column of image is not a number"
        ) from error
    found.execs_exact, found.failed_exact = plain or found.exact, found.exact
    if plain and not found.exact:
        _count_failures(history, found, pieces)
    return found


def _pieces(
    history: History,
    found: Survey,
    selection: Selection,
    edges: Sequence[int],
    late: Callable[[], bool],
) -> list[list[Piece]]:
    """The rows that may match, by interval."""
    pieces: list[list[Piece]] = [[] for _ in found.intervals]
    looks_at_arguments = bool(selection.wanted.about("command"))
    for span in sorted(selection.spans, key=lambda span: -span.end_ns):
        if looks_at_arguments and late():
            found.since_ns = span.segment.last_boot_ns + span.segment.offset_ns + 1
            break
        with history.database.reading() as connection:
            entries, stretches = parts_of(connection, selection, span)
            if stretches:
                cuts = cuts_of(connection, span, edges)
                for at, piece in pieces_of(selection.wanted, span, entries, stretches, cuts):
                    pieces[at].append(piece)
    return pieces


def _count_failures(history: History, found: Survey, pieces: Sequence[Sequence[Piece]]) -> None:
    """Exactly: blocks tell of failures."""
    with history.database.reading() as connection:
        for interval, some in zip(found.intervals, pieces, strict=True):
            # The first and the last block of a stretch are read: few stretches cost less.
            rows = joined((piece.first, piece.last) for piece in some)
            interval.failed = sum(count_failures(connection, *each) for each in rows)
    found.failed_exact = True


def _conditions(wanted: Filter) -> bool:
    return bool(wanted.of_rows or wanted.about("command"))


@dataclass
class _Sample:
    """What was read of an interval."""

    rows: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)


def _read(
    history: History, pieces: Sequence[Sequence[Piece]], share: float, late: Callable[[], bool]
) -> list[_Sample]:
    """About this share of the rows of each interval. The intervals take turns, so that something of
    each is read before it is late."""
    samples = [_Sample() for _ in pieces]
    chunks = [list(chunks_of(some, sum(piece.rows for piece in some), share)) for some in pieces]
    for some in chunks:
        random.Random(0).shuffle(some)  # what is read of an interval should be from all of it
    turns = zip_longest(*chunks)
    order = [(at, chunk) for turn in turns for at, chunk in enumerate(turn) if chunk is not None]
    for begin in range(0, len(order), _AT_ONCE):
        if begin >= len(pieces) and late():
            break
        with history.database.reading() as connection:
            for at, chunk in order[begin : begin + _AT_ONCE]:
                samples[at].kinds.update(chunk.read(connection))
                samples[at].rows += chunk.rows
    return samples


def _add(found: Survey, interval: Interval, rows: int, sample: _Sample, *, plain: bool) -> None:
    """What a sample says of the interval, which has so many rows."""
    found.read += sample.rows
    scale = rows / sample.rows if sample.rows else 0
    interval.execs = rows if plain else sum(sample.kinds.values()) * scale
    interval.failed = scale * sum(
        number for (_, _, status, errno), number in sample.kinds.items() if failed(status, errno)
    )
    for kind, number in sample.kinds.items():
        found.kinds[kind] = found.kinds.get(kind, 0) + number * scale


def failed(status: int | None, errno: str | None) -> bool:
    """As `filter.not_well`, of values."""
    if errno is not None:
        return True
    return status is not None and status != REPLACED and status & 0xFF7F != 0
