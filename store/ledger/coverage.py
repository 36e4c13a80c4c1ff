"""When execs were recorded, when some were lost, when nothing looked: stretches of the wall clock.

`stretches` is pure; `read_story` reads what it needs.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from heapq import heappop, heappush
from itertools import accumulate, pairwise
from operator import index, itemgetter
from typing import Any, NamedTuple

from execdb.store.account import Loss
from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database
from execdb.store.file.text import readable
from execdb.store.ledger.trimmed import Trim, What, read_trims


class Kind(StrEnum):
    RECORDED = "recorded"
    LOSSY = "lossy"  # recorded, but for some
    PRUNED = "pruned"  # was recorded; rows were removed since
    IMPORTED = "imported"  # events from elsewhere, which says nothing of what they lack
    BLIND = "blind"


class Why(StrEnum):
    """Why a stretch is blind."""

    NEVER = "never recorded to"  # the whole file: not even an import
    BEFORE = "before the first run"
    STOPPED = "no collector"
    CRASH = "crash"
    SILENT = "collector silent"  # it runs, and has long stored nothing, no sign of life either
    CLOCK = "the clock was set"  # past this time, which never was


class Life(NamedTuple):
    """A run: what it surely recorded, in stretches of the wall clock, which a clock that is set
    makes several of. `then` says why nothing is known of the time behind it; `first_ns` is its
    oldest row that is left."""

    run_id: int
    spans: Sequence[tuple[int, int]]
    then: Why = Why.STOPPED
    pruned: int = 0
    first_ns: int | None = None


class Story(NamedTuple):
    """Everything there is to say of when was recorded. `imported` are the times of events that were
    imported from the boots that the runs recorded, or, without any run, from everywhere: what
    happened on another machine tells nothing of this one. `now_ns` is when it was read."""

    lives: Sequence[Life]
    losses: Sequence[Loss]
    imported: Sequence[tuple[int, int]]
    now_ns: int
    trimmed: Sequence[Trim] = ()

    @property
    def nothing(self) -> bool:
        """Whether the file holds nothing at all, as a copy without its WAL may."""
        return not self.lives and not self.imported

    @property
    def never(self) -> "Stretch":
        """What there is to say of a file that holds nothing."""
        return Stretch(Kind.BLIND, 0, self.now_ns, Why.NEVER)

    @property
    def begin_ns(self) -> int:
        """When the first run began; what was imported may be older."""
        return min((from_ns for life in self.lives for from_ns, _ in life.spans), default=0)

    @property
    def end_ns(self) -> int:
        """When the last run ended; now where that was no end that anybody asked for."""
        ends = [(life.spans[-1][1], life.then) for life in self.lives]
        last_ns = max((to_ns for life in self.lives for _, to_ns in life.spans), default=0)
        unasked = any(
            then is Why.SILENT or (then is Why.CRASH and to_ns >= last_ns) for to_ns, then in ends
        )
        return max(last_ns, self.now_ns) if unasked else last_ns


class Stretch(NamedTuple):
    """From `from_ns` up to `to_ns`. `lost` is by cause, `pruned` the rows that went; both are of
    all the loss that touches the stretch, which has no finer parts."""

    kind: Kind
    from_ns: int
    to_ns: int
    why: Why | None = None
    run_id: int | None = None
    lost: tuple[tuple[str, int], ...] = ()
    pruned: int = 0

    @property
    def whole(self) -> bool:
        """Whether nothing that happened then is missing, as far as this file can tell."""
        return self.kind in (Kind.RECORDED, Kind.IMPORTED) or self.why is Why.CLOCK


_Span = tuple[int, int]
_SILENT_NS = 15_000_000_000  # a collector gives a sign of life every 5 s


def stretches(story: Story, since_ns: int | None, until_ns: int | None) -> list[Stretch]:
    """The whole time from `since_ns` to `until_ns`, without gaps or overlaps. Where there is no
    limit it is that of what was recorded or imported. Nothing, where all that there is was
    imported."""
    if not story.lives and (story.imported or since_ns is None or until_ns is None):
        return []
    spans = [span for life in story.lives for span in life.spans] + [*story.imported]
    begin = min(from_ns for from_ns, _ in spans) if since_ns is None else since_ns
    last = max([story.end_ns, *(to_ns for _, to_ns in spans)])
    end = last if until_ns is None else until_ns
    layers = [each for each in _layers(story) if each.from_ns < end and each.to_ns > begin]
    if begin >= end:
        return []
    edges = {begin, end}
    for stretch in layers:
        edges |= {ns for ns in (stretch.from_ns, stretch.to_ns) if begin < ns < end}
    return list(_joined(_between(layers, story.lives, sorted(edges))))


def _layers(story: Story) -> list[Stretch]:
    """What is known of a time; where two say something, the first one counts."""
    lossy = [
        Stretch(Kind.LOSSY, from_ns, to_ns, lost=lost) for from_ns, to_ns, lost in _merged(story)
    ]
    pruned, recorded = [], []
    for life in reversed(story.lives):  # where a clock that was set makes two overlap: the later
        for from_ns, to_ns in life.spans:
            recorded.append(Stretch(Kind.RECORDED, from_ns, to_ns, run_id=life.run_id))
        begin, end = life.spans[0][0], life.spans[-1][1]
        oldest = life.pruned - _taken_of_a_crowd(story.trimmed, begin, end)
        to_ns = end if life.first_ns is None else life.first_ns
        if oldest > 0 and to_ns > begin:
            pruned.append(Stretch(Kind.PRUNED, begin, to_ns, run_id=life.run_id, pruned=oldest))
    imported = [Stretch(Kind.IMPORTED, *span) for span in story.imported]
    return lossy + _crowded(story.trimmed) + pruned + recorded + imported


def _taken_of_a_crowd(trims: Iterable[Trim], begin_ns: int, end_ns: int) -> int:
    """How many rows of that time were removed because of whose they were, not of their age."""
    rows = (trim for trim in trims if trim.what == What.ROWS)
    return sum(trim.events for trim in rows if begin_ns <= trim.from_ns <= end_ns)


def _crowded(trims: Iterable[Trim]) -> list[Stretch]:
    """When rows are missing of whoever filled the file; a moment lasts a nanosecond."""
    return [
        Stretch(Kind.PRUNED, trim.from_ns, max(trim.to_ns, trim.from_ns) + 1, pruned=trim.events)
        for trim in trims
        if trim.what == What.ROWS
    ]


def _merged(story: Story) -> Iterator[tuple[int, int, tuple[tuple[str, int], ...]]]:
    """Losses that overlap or touch, as one each. A loss of a moment lasts a nanosecond."""
    begin = end = 0
    lost: dict[str, int] = {}
    for loss in sorted(story.losses, key=lambda loss: loss.from_ns):
        to_ns = max(loss.to_ns, loss.from_ns + 1)
        if lost and loss.from_ns > end:
            yield begin, end, tuple(lost.items())
            lost = {}
        begin, end = (begin, max(end, to_ns)) if lost else (loss.from_ns, to_ns)
        lost[loss.cause] = lost.get(loss.cause, 0) + loss.lost
    if lost:
        yield begin, end, tuple(lost.items())


def _between(
    layers: Sequence[Stretch], lives: Sequence[Life], edges: Sequence[int]
) -> Iterator[Stretch]:
    """One for each two edges. Each layer enters a heap where it begins and leaves it, once it has
    ended, when it would be the first."""
    begins = sorted(range(len(layers)), key=lambda at: layers[at].from_ns)
    reasons = _Reasons(lives)
    active: list[int] = []
    at = 0
    for from_ns, to_ns in pairwise(edges):
        while at < len(begins) and layers[begins[at]].from_ns <= from_ns:
            heappush(active, begins[at])
            at += 1
        while active and layers[active[0]].to_ns <= from_ns:
            heappop(active)
        if active:
            yield layers[active[0]]._replace(from_ns=from_ns, to_ns=to_ns)
        else:
            yield Stretch(Kind.BLIND, from_ns, to_ns, why=reasons.of(from_ns))


class _Reasons:
    """Why nothing was recorded at a time: what the run that ended last before it has to say."""

    def __init__(self, lives: Sequence[Life]) -> None:
        self._ends = sorted((life.spans[-1][1], life.run_id, life.then) for life in lives)
        leaps = sorted(
            (before_ns, after_ns)
            for life in lives
            for (_, before_ns), (after_ns, _) in pairwise(life.spans)
            if before_ns < after_ns
        )
        self._leaps = leaps
        self._reach = list(accumulate((after_ns for _, after_ns in leaps), max))

    def of(self, blind_ns: int) -> Why:
        leaps = bisect_right(self._leaps, blind_ns, key=itemgetter(0))
        if leaps and blind_ns < self._reach[leaps - 1]:
            return Why.CLOCK
        before = bisect_right(self._ends, blind_ns, key=itemgetter(0))
        if not before:
            return Why.BEFORE
        return self._ends[before - 1][2]


def _joined(parts: Iterable[Stretch]) -> Iterator[Stretch]:
    """Neighbours that say the same are one."""
    last: Stretch | None = None
    for part in parts:
        if last is not None and part.kind is last.kind and part[3:] == last[3:]:
            last = last._replace(to_ns=part.to_ns)
            continue
        if last is not None:
            yield last
        last = part
    if last is not None:
        yield last


def read_story(database: Database, now_ns: int, *, recording: bool) -> Story:
    """`recording` says whether a collector records to this database now. Raises DatabaseError."""
    trims = read_trims(database)
    with database.reading() as connection:
        runs = [_Run(*row) for row in connection.execute(_RUNS)]
        sets = connection.execute(_CLOCK_SETS).fetchall()
        losses = connection.execute(_LOSSES).fetchall()
    try:
        return _story(runs, sets, losses, now_ns, recording)._replace(trimmed=trims)
    except TypeError as error:
        raise DatabaseError(
            f"{database.path} is inconsistent: its ledger has a time or a count that is no number"
        ) from error


class _Run(NamedTuple):
    """A row of _RUNS, of which any may be anything."""

    id: Any
    kind: Any
    host: Any
    boot_id: Any
    started_ns: Any
    ended_ns: Any
    ended: Any
    alive_ns: Any
    pruned: Any
    first_ns: Any
    last_ns: Any


def _story(
    runs: Sequence[_Run], sets: Sequence[Any], losses: Sequence[Any], now_ns: int, recording: bool
) -> Story:
    moments: dict[int, list[_Span]] = {}
    for run_id, before_ns, after_ns in sets:
        moments.setdefault(run_id, []).append((index(before_ns), index(after_ns)))
    lives: list[Life] = []
    boots: dict[Any, list[_Span]] = {}  # host and boot_id: when they were recorded
    imports: list[tuple[Any, _Span]] = []
    latest = max((row.id for row in runs if row.kind == "collect"), default=None)
    for row in runs:
        if row.kind == "collect" and row.started_ns is not None:
            goes_on = recording and row.id == latest and row.ended is None
            life = _life(row, moments.get(row.id, []), now_ns if goes_on else None)
            lives.append(life)
            whole = life.spans[0][0], life.spans[-1][1]
            boots.setdefault((row.host, row.boot_id), []).append(whole)
        elif row.first_ns is not None:
            boot = row.host, row.boot_id
            imports.append((boot, (index(row.first_ns), index(row.last_ns))))
    found = [
        Loss(number, str(readable(cause)), index(from_ns), index(to_ns), index(lost))
        for number, cause, from_ns, to_ns, lost in losses
    ]
    return Story(lives, found, list(_believed(imports, boots)), now_ns)


def _believed(
    imports: Iterable[tuple[Any, _Span]], boots: Mapping[Any, Sequence[_Span]]
) -> Iterator[_Span]:
    """When imported events say that time was recorded: those of a boot that is recorded here, from
    the end of the boot before to the begin of the next one. Without any, all of them."""
    begins = sorted(begin for spans in boots.values() for begin, _ in spans)
    ends = sorted(end for spans in boots.values() for _, end in spans)
    for boot, (from_ns, to_ns) in imports:
        spans = boots.get(boot)
        if spans:
            before = bisect_left(ends, min(begin for begin, _ in spans))
            after = bisect_right(begins, max(end for _, end in spans))
            from_ns = max([from_ns, *ends[max(before - 1, 0) : before]])
            to_ns = min([to_ns, *begins[after : after + 1]])
        if from_ns <= to_ns and (spans or not boots):
            yield from_ns, to_ns


def _life(row: _Run, sets: Sequence[_Span], now_ns: int | None) -> Life:
    """With `now_ns` it goes on."""
    sign_ns = index(row.started_ns if row.alive_ns is None else row.alive_ns)
    ended_ns = sign_ns if row.ended_ns is None else index(row.ended_ns)
    then = Why.STOPPED if row.ended == "clean" else Why.CRASH
    if now_ns is not None:
        silent = now_ns - ended_ns > _SILENT_NS
        then = Why.SILENT if silent else Why.STOPPED
        ended_ns = ended_ns if silent else max(ended_ns, now_ns)
    # What the wall clock showed in between.
    begins = [index(row.started_ns), *(after_ns for _, after_ns in sets)]
    ends = [*(before_ns for before_ns, _ in sets), ended_ns]
    spans = [(begin, max(begin, end)) for begin, end in zip(begins, ends, strict=True)]
    first_ns = None if row.first_ns is None else index(row.first_ns)
    return Life(row.id, spans, then, index(row.pruned), first_ns)


_RUNS = """
SELECT run.id, kind, host, boot_id, started_ns, ended_ns, ended, alive_ns, pruned, first_ns, last_ns
FROM run LEFT JOIN (
    SELECT run_id, min(first_boot_ns + offset_ns) AS first_ns,
           max(last_boot_ns + offset_ns) AS last_ns
    FROM segment WHERE first_id > 0 GROUP BY run_id) AS held ON held.run_id = run.id
ORDER BY run.id
"""
_CLOCK_SETS = "SELECT run_id, before_ns, after_ns FROM clock_set ORDER BY id"
_LOSSES = "SELECT number, cause, from_ns, to_ns, lost FROM loss"
