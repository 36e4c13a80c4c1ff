"""Everything that is decided before a replay starts: plan, files and tape."""

import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from execdb.livereplay.paths import Paths, TooManyPaths
from execdb.livereplay.planning.plan import Plan
from execdb.livereplay.planning.planner import Planner
from execdb.livereplay.planning.times import Warp, set_times
from execdb.livereplay.tape.emit import Emitter, TooManyStates
from execdb.livereplay.tape.exec_calls import Starter
from execdb.livereplay.tape.stub import stub_for
from execdb.livereplay.tape.tape import BYTES_MAX, Tape, TooLong

ROWS_MAX = 4_000_000


class Refused(Exception):
    """A history that cannot be replayed, with a sentence that says why."""


@dataclass(frozen=True)
class Prepared:
    """`entry` is where process 1 begins."""

    plan: Plan
    paths: Paths
    tape: Tape
    emitter: Emitter
    entry: int


def plan_of(
    rows: Iterable[Any],
    ancestor: Callable[[int], Any],
    warp: Callable[[Plan], Warp],
    *,
    cgroups: bool = False,
) -> tuple[Plan, Paths]:
    """The plan of rows in order, timed, and the files that it needs; with `cgroups` also the
    recorded control groups. Raises Refused."""
    paths, planner = Paths(can_have_groups=cgroups), Planner(ancestor)
    try:
        plan = planner.take(_learned(rows, paths))
        for told in plan.seen.values():
            paths.learn(told)  # type: ignore[arg-type]
        paths.finish()
        del planner  # with what it knows of pids and ids
    except TooManyPaths:
        raise Refused(
            "more paths and folders than live replay can make: choose fewer by terms"
        ) from None
    set_times(plan, warp(plan))
    return plan, paths


def _learned(rows: Iterable[Any], paths: Paths) -> Iterator[Any]:
    for number, row in enumerate(rows):
        if number >= ROWS_MAX:
            raise Refused(f"more than {ROWS_MAX} execs: choose fewer by terms")
        if row.errno:
            paths.learn_attempt(row, row.errno)
        else:
            paths.learn(row)
        yield row


def emitted(
    plan: Plan,
    paths: Paths,
    rows: Iterable[Any],
    write: Callable[[int, bytes], object],
    *,
    users: bool,
) -> Prepared:
    """The tape, by `write`. The rows must be those of the plan, again. Raises Refused."""
    machine = platform.machine()
    tape = Tape(machine, write)
    starter = Starter(tape, paths, len(stub_for(machine)), users=users)
    emitter = Emitter(plan, tape, starter)
    count = 0
    try:
        entry = emitter.begin()
        for row in rows:
            if count >= len(plan.of_row):
                break
            emitter.row(count, row)
            count += 1
        tape.flush()
    except TooLong:
        raise Refused(
            f"the replay would take more than {BYTES_MAX >> 30} GiB: choose fewer by terms"
        ) from None
    except TooManyStates:
        raise Refused(
            "more different users, directories and control groups than live replay can keep: "
            "choose fewer by terms"
        ) from None
    if count < len(plan.of_row):
        raise Refused("the history was pruned while it was read: try again")
    return Prepared(plan, paths, tape, emitter, entry)
