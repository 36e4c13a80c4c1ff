"""When everything in a plan happens: from the moments of a history to times since the start."""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from heapq import merge

from execdb.livereplay.planning.plan import (
    CLOSE_NS,
    INIT,
    LEAD_NS,
    LIFE_NS,
    NONE,
    SIGNAL,
    TIME_MAX_NS,
    UNKNOWN,
    UNKNOWN_NS,
    WATCHED,
    Kind,
    Plan,
)

Warp = Callable[[int], int]
_SECOND_NS = 1_000_000_000
_RUN = 20_000
HEAD_NS = 10_000_000  # for what is to run before the first exec


def at_pace(plan: Plan, speed: float, idle_limit_s: float | None = None) -> Warp:
    """As it happened, `speed` times as fast, with no pause longer than the limit. `speed` is more
    than 0."""
    if idle_limit_s is None:
        first = min(_all_moments(plan), default=0)
        return lambda moment: _bounded((moment - first) / speed)
    moments = _moments(plan)
    limit_ns = min(int(idle_limit_s * _SECOND_NS), TIME_MAX_NS)
    at_ns, total_ns = array("q", [0]), 0
    for number in range(1, len(moments)):
        total_ns += min(moments[number] - moments[number - 1], limit_ns)
        at_ns.append(min(total_ns, TIME_MAX_NS))

    def warp(moment: int) -> int:
        index = max(0, bisect_right(moments, moment) - 1)
        return _bounded((at_ns[index] + min(moment - moments[index], limit_ns)) / speed)

    return warp


def at_rate(plan: Plan, rate: float) -> Warp:
    """Every start and every end in order, so many a second, whenever it happened."""
    moments = _moments(plan)
    return lambda moment: _bounded(max(0, bisect_right(moments, moment) - 1) * _SECOND_NS / rate)


def _bounded(ns: float) -> int:
    return int(min(ns, TIME_MAX_NS))


def _moments(plan: Plan) -> "array[int]":
    """When images begin and end and when attempts are made, in order."""
    return array("q", in_order(_all_moments(plan)))


def in_order(numbers: Iterable[int]) -> Iterator[int]:
    """Sorted, in a tenth of the memory that a list of them takes."""
    found = array("q", numbers)
    for at in range(0, len(found), _RUN):
        found[at : at + _RUN] = array("q", sorted(found[at : at + _RUN]))
    whole = memoryview(found)
    return merge(*[whole[at : at + _RUN] for at in range(0, len(found), _RUN)])


def _all_moments(plan: Plan) -> Iterator[int]:
    for node in range(1, len(plan)):
        if plan.kind[node] in (Kind.IMAGE, Kind.TRY):
            yield plan.begin_ns[node]
            if plan.then[node] == NONE and plan.end_ns[node] != UNKNOWN_NS:
                yield plan.end_ns[node]


def set_times(plan: Plan, warp: Warp) -> None:
    """Makes all times of the plan those of the replay, finds ends and forks that the history does
    not know, and counts how many processes there are at once."""
    _warp(plan, warp)
    del warp  # which may know all moments
    plan.last_ns = array("q", [0]) * len(plan)
    latest_ns = max(0, max(plan.begin_ns), max(plan.end_ns))  # what is unknown is less
    for node in range(len(plan) - 1, INIT, -1):  # what a node leads to comes first
        if plan.kind[node] == Kind.TRY:
            plan.last_ns[node] = plan.begin_ns[node]
            continue
        _set_end(plan, node, latest_ns)
        if plan.kind[node] == Kind.FORK:
            _set_begin(plan, node)
    for node in range(len(plan)):
        _set_watched(plan, node)
    plan.at_most = _at_most(plan)
    plan.duration_ns = max(plan.last_ns)
    del plan.last_ns[:]


def _warp(plan: Plan, warp: Warp) -> None:
    for column in (plan.begin_ns, plan.end_ns):
        for node in range(1, len(column)):
            if column[node] != UNKNOWN_NS:
                column[node] = HEAD_NS + warp(column[node])
    for node in range(1, len(plan)):
        if plan.kind[node] == Kind.SEEN:
            plan.begin_ns[node] = plan.end_ns[plan.came_from[node]] = 0


def _set_end(plan: Plan, node: int, latest_ns: int) -> None:
    """When a node ends, and when its process does."""
    image = plan.then[node]
    if image != NONE:
        plan.end_ns[node], plan.last_ns[node] = plan.begin_ns[image], plan.last_ns[image]
        return
    if plan.end_ns[node] == UNKNOWN_NS:
        is_image = plan.kind[node] in (Kind.IMAGE, Kind.SEEN)
        end_ns = plan.begin_ns[node] + LIFE_NS if is_image else 0
        end_ns = max((end_ns, *(plan.last_ns[step] for step in plan.steps(node))))
        if plan.kind[node] == Kind.IMAGE:
            if plan.ends_known:  # then it ran when the recording ended
                end_ns = max(end_ns, latest_ns)
            else:
                plan.guessed_ends += 1
        plan.end_ns[node] = end_ns
    if plan.status[node] <= UNKNOWN:
        plan.status[node] = 0
    plan.last_ns[node] = plan.end_ns[node]


def _set_begin(plan: Plan, fork: int) -> None:
    times = [plan.begin_ns[step] for step in plan.steps(fork)]
    times.append(plan.end_ns[fork])
    plan.begin_ns[fork] = max(0, min(times) - LEAD_NS)


def _set_watched(plan: Plan, node: int) -> None:
    """clone with CLONE_VFORK returns a little before the child's exec is seen by tracers."""
    for step in plan.steps(node):
        image = plan.then[step] if plan.kind[step] == Kind.FORK else NONE
        if image != NONE and 0 < plan.end_ns[node] - plan.end_ns[step] < CLOSE_NS:
            plan.flags[image] |= WATCHED


def _at_most(plan: Plan) -> int:
    def of_forks(column: "array[int]") -> Iterator[int]:
        return (column[node] for node in range(1, len(plan)) if plan.kind[node] == Kind.FORK)

    ends = in_order(of_forks(plan.last_ns))
    end_ns = next(ends, None)
    most = ended = 0
    for begun, begin_ns in enumerate(in_order(of_forks(plan.begin_ns)), 1):
        while end_ns is not None and end_ns < begin_ns:
            ended, end_ns = ended + 1, next(ends, None)
        most = max(most, begun - ended)
    return most


def signal_of(status: int) -> int | None:
    """The signal of a status; None if it is an exit code."""
    return status - SIGNAL if status >= SIGNAL else None
