"""Attempts that are to fail: each is made once, by its process, with its own arguments."""

from collections.abc import Iterator
from typing import Any

import pytest

from execdb.livereplay.tape.stub import BASE
from execdb.livereplay.tape.tape import DATA
from tests.livereplay.histories import Call, Memory, prepared, some


def followed(calls: list[Call], entry: int) -> Iterator[Call]:
    """What a process calls from there on, where every call but a jump fails."""
    for _ in range(len(calls)):
        call = calls[entry]
        yield call
        if call.name == "exit_group":
            return
        is_jump = call.name == "clock_gettime" and call.to is not None
        entry = call.to if is_jump and call.to is not None else entry + 1
    raise AssertionError("it goes round in circles")


def paths(calls: list[Call], memory: Memory, entry: int) -> list[str]:
    """Those of its execs."""
    found = []
    for call in followed(calls, entry):
        if call.name == "execve":
            at = call.arguments[0] - BASE - DATA
            data = memory.parts[DATA]
            found.append(data[at : data.index(b"\0", at)].decode())
    return found


def attempt(number: int, name: str, **known: Any) -> Any:
    errno = known.pop("errno", "ENOENT")
    return some(number, name, errno=errno, ended=None, duration_ns=None, **known)


def test_those_of_a_fork_come_before_what_it_becomes() -> None:
    rows = [
        some(1, "sh", duration_ns=90_000_000),
        attempt(2, "one", parent=1, pid=1002, ppid=1001),
        attempt(3, "two", parent=1, pid=1002, ppid=1001, errno="EIO"),  # cannot be made to fail so
        attempt(4, "three", parent=1, pid=1002, ppid=1001),
        some(5, "ls", parent=1, pid=1002, ppid=1001),
    ]
    made, calls, memory = prepared(rows)
    (child,) = [call for call in calls if call.name == "clone" and call.to is not None][1:]
    assert child.to is not None
    names = [f"/usr/bin/{name}" for name in ("one", "three", "ls")]
    assert paths(calls, memory, child.to) == names
    assert made.emitter.inexact["an attempt that failed with EIO"] == 1


@pytest.mark.parametrize("count", [1, 23])
def test_those_of_a_program_are_made_by_it(count: int) -> None:
    rows = [some(1, "sh", duration_ns=90_000_000, ended="exec")]
    rows += [attempt(n, f"no-{n}", parent=1, pid=1001) for n in range(2, 2 + count)]
    rows += [some(50, "last", parent=1, pid=1001)]
    _, calls, memory = prepared(rows)
    (first,) = [call for call in calls if call.name == "clone" and call.to is not None]
    assert first.to is not None
    assert paths(calls, memory, first.to)[0] == "/usr/bin/sh"
    body = next(n for n, call in enumerate(calls) if call.name == "execve") + 2
    names = [f"no-{n}" for n in range(2, 2 + count)]
    assert paths(calls, memory, body) == [f"/usr/bin/{name}" for name in (*names, "last")]


def test_an_error_that_no_kernel_has_is_not_repeated() -> None:
    """A forged file may have a million of them."""
    rows = [attempt(n, "x", errno=f"E{n}") for n in range(1, 24)]
    made, _, _ = prepared(rows)
    assert made.emitter.inexact == {"an attempt that failed with an unknown error": 23}
