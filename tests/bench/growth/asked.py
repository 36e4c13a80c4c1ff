"""What asking one history takes: each question and sum in its own process, the page, and runs."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from tests.bench.asking.questions import LIMIT_MS, Question, questions_of, session_of
from tests.bench.asking.web import serving
from tests.bench.growth.grown import Line, Point
from tests.bench.growth.histories import add_runs, age_after
from tests.bench.measure import proc
from tests.bench.peers.recorders import EXECDB
from tests.bench.peers.rounds import say

NOISE_MS = 25.0
LIMITED_EVENTS = 10_000_003  # up to so many a question takes at most LIMIT_MS; in more, twice that
PRUNED = 100_003  # events, or a tenth of a smaller history
_SUMS = ("stats --by comm", "stats --by uid,comm", "timeline --every 1h")


class History(NamedTuple):
    """A database of a month of so many events, one of one event, and room for more files; how often
    each question is asked."""

    db: Path
    one: Path
    folder: Path
    events: int
    turns: int


class Figure(NamedTuple):
    """What a step of the measuring found."""

    point: Point
    peak_kb: int


Step = Callable[[], Figure]


class _Took(NamedTuple):
    """CPU time beyond that of the same or a similar command on a database of one event."""

    work_ms: float
    peak_kb: int
    lines: int
    first: str


def ask(history: History, runs: int, only: str = "") -> Iterator[Line]:
    """The figures of each question, sum and command whose name has the pattern `only`, and
    the greatest memory."""
    peaks_kb = [0]
    steps = chain(_questions(history), _sums(history), _changes(history, runs))
    for what, step in steps:
        if re.search(only, what):
            point, peak_kb = step()
            yield Line(what, "ms", [point], NOISE_MS)
            peaks_kb.append(peak_kb)
    yield Line("memory", "MiB", [Point(max(peaks_kb) / 1024)])


def _questions(history: History) -> Iterator[tuple[str, Step]]:
    for question in questions_of(session_of(history.db), history.events):
        yield f"`{_short(question)}`", partial(_answered, history, question)


def _answered(history: History, question: Question) -> Figure:
    limit_ms = LIMIT_MS * (1 if history.events <= LIMITED_EVENTS else 2)
    took = _took(history, question.query, question.beside)
    if "--count" in question.asked:  # one line, however much it counts
        point = Point(took.work_ms, text=f"{int(took.first):,}", limit=limit_ms)
    else:
        point = Point(took.work_ms, took.lines, f"{took.lines:,}", limit_ms)
    return Figure(point, took.peak_kb)


def _short(question: Question) -> str:
    """The same for each history, although the questions differ in times and ids."""
    if "--count" in question.asked:
        return "--count --since --until (a day)"
    if "/part-" in question.asked[-1]:
        return "--arg (of one exec alone)"
    known = {"--descendants-of": "--descendants-of LOGIN", "--since": "--since --until (a minute)"}
    return known.get(question.asked[0], question.name)


def _sums(history: History) -> Iterator[tuple[str, Step]]:
    def summed(words: list[str]) -> Figure:
        took = _took(history, words, words, turns=1)
        return Figure(Point(took.work_ms, history.events), took.peak_kb)

    for words in _SUMS:
        yield f"`{words}`", partial(summed, words.split())


def _changes(history: History, runs: int) -> Iterator[tuple[str, Step]]:
    yield "the page's first view", partial(_first_view, history)
    copy = history._replace(db=history.folder / "copy.db")
    yield "`coverage`", partial(_covered, history, copy, runs)
    yield "`prune`", partial(_pruned, history, copy)


def _first_view(history: History) -> Figure:
    """CPU time of the server; beside it the time by the clock."""
    found = []
    for _ in range(history.turns):
        with serving(history.db) as (pid, fetch):
            before_ns = proc.cpu_ns([pid])
            took_s, _ = fetch("/")
            found.append(((proc.cpu_ns([pid]) - before_ns) / 1e6, took_s, proc.peak_kb([pid])))
    work_ms, took_s, peak_kb = min(found)
    return Figure(Point(work_ms, text=f"{took_s:.2f} s"), peak_kb)


def _covered(history: History, copy: History, runs: int) -> Figure:
    shutil.copyfile(history.db, copy.db)
    try:
        add_runs(copy.db, runs)
        took = _took(copy, ["coverage"], ["coverage"])
    finally:
        _remove(copy)
    return Figure(Point(took.work_ms, took.lines, f"{took.lines:,}"), took.peak_kb)


def _pruned(history: History, copy: History) -> Figure:
    shutil.copyfile(history.db, copy.db)
    try:
        number = min(PRUNED, history.events // 10)
        age = age_after(history.events, number)
        taken = proc.run([EXECDB, "--db", copy.db, "prune", "--older-than", age])
    finally:
        _remove(copy)
    return Figure(Point(taken.cpu_s * 1e3, number), taken.peak_kb)


def _remove(copy: History) -> None:
    for path in copy.folder.glob(f"{copy.db.name}*"):
        path.unlink()


def _took(history: History, words: list[str], beside: list[str], turns: int = 0) -> _Took:
    """The least of several turns."""
    say(" ".join(words))
    command: proc.Command = [EXECDB, "--db", history.db, *words]
    other: proc.Command = [EXECDB, "--db", history.one, *beside]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    taken = [(proc.run(command), proc.run(other)) for _ in range(turns or history.turns)]
    own_s, other_s = (min(each.cpu_s for each in part) for part in zip(*taken, strict=True))
    peak_kb = max(own.peak_kb for own, _ in taken)
    return _Took((own_s - other_s) * 1e3, peak_kb, out.count("\n"), out.partition("\n")[0])
