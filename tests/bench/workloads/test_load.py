"""What a storm ran, and what of it a recorder has. Lines are words joined by spaces."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.bench.workloads.load import LONG, LONG_ARGUMENT, LONG_EXECS, STORMS, Programs, running

COUNT = 23


@pytest.fixture(scope="module")
def programs() -> Iterator[Programs]:
    with contextlib.closing(Programs()) as programs:
        yield programs


def _ran(programs: Programs, *, same: bool) -> list[str]:
    words = ["same"] * COUNT if same else list(map(str, range(COUNT)))
    return [f"{programs.folder}/eb-{name} {word}" for name in "ab" for word in words]


@pytest.mark.parametrize("same", [True, False])
def test_all_that_ran_is_captured_and_whole(programs: Programs, same: bool) -> None:
    long = [f"{programs.folder}/{LONG} {n} {LONG_ARGUMENT}" for n in range(LONG_EXECS)]
    found = programs.judge(_ran(programs, same=same) + long, COUNT, same=same)
    assert (found.seen, found.whole, found.long) == (2 * COUNT, 2 * COUNT, 1.0)


@pytest.mark.parametrize("same", [True, False])
def test_what_is_missing_or_cut_or_not_of_the_storm_is_not(programs: Programs, same: bool) -> None:
    lines = _ran(programs, same=same)[3:]
    lines[0] = lines[0].rpartition(" ")[0]
    lines += [
        "/usr/bin/true same",
        "/elsewhere/eb-a same",
        "/elsewhere/eb-a 5",
        f"{programs.folder}/storm {programs.folder}/eb-a {COUNT}",
    ]
    found = programs.judge(lines, COUNT, same=same)
    assert (found.seen, found.whole) == (2 * COUNT - 3, 2 * COUNT - 4)


def test_what_is_told_twice_does_not_stand_for_what_is_missing(programs: Programs) -> None:
    lines = _ran(programs, same=False)
    lines[0] = lines[1]
    assert programs.judge(lines, COUNT).whole == 2 * COUNT - 1
    equal = _ran(programs, same=True)
    equal[0] = equal[-1]  # of the other process's program, which ran no more often
    assert programs.judge(equal, COUNT, same=True).whole == 2 * COUNT - 1


def test_names_alone_are_captured_but_not_whole(programs: Programs) -> None:
    found = programs.judge(["eb-a", "eb-b", "eb-b", "storm"], COUNT)
    assert (found.seen, found.whole) == (3, 0)


@pytest.mark.parametrize("same", [True, False])
def test_more_than_ran_is_a_failure(programs: Programs, same: bool) -> None:
    lines = _ran(programs, same=same)
    with pytest.raises(RuntimeError, match="47 execs of the storm, of which 46 ran"):
        programs.judge([*lines, lines[0]], COUNT, same=same)


@pytest.mark.parametrize("same", [True, False])
def test_a_storm_runs_what_it_is_judged_by_and_says_what_it_took(same: bool) -> None:
    with contextlib.closing(Programs()) as programs:
        log = programs.folder / "log"
        for name in (*STORMS, LONG):  # tells how it was called
            (programs.folder / name).write_text(f'#!/bin/sh\necho "$0" "$@" >> {log}\n')
        with running(programs.storm(COUNT, same=same)) as load:
            times, elapsed_s = load.finish()
            load.release()
        lines = log.read_text().splitlines()
        found = programs.judge(lines, COUNT, same=same)
    assert len(lines) == 2 * COUNT + LONG_EXECS
    assert (found.seen, found.whole, found.long) == (2 * COUNT, 2 * COUNT, 1.0)
    walls_ns = [int(line.split()[0]) for line in times]
    assert len(walls_ns) == 2
    assert all(0 < wall_ns < elapsed_s * 1e9 for wall_ns in walls_ns)
