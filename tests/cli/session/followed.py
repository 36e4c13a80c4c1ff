"""A history that is written while `query --follow` reads it."""

from collections.abc import Callable

from execdb.store.writing.recording import Recording
from tests.conftest import an_exec, counts
from tests.processes.process import Process

Follow = Callable[..., Process[str]]
SECOND_NS = 1_000_000_000


def lines(process: Process[str], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline() for _ in range(count)]


def write(recording: Recording, *numbers: int, **changes: object) -> list[int]:
    execs = [an_exec(n, argv=("run", str(n)), **changes) for n in numbers]  # type: ignore[arg-type]
    return recording.write(execs, [], counts(len(numbers)))
