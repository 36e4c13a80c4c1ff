"""execdb replay --live: how late stubs start, at which rates, and what many paths cost."""

import time
from collections.abc import Callable
from pathlib import Path

from execdb.cli.input.options.live import LiveOptions
from execdb.livereplay.planning.plan import Plan
from execdb.livereplay.planning.times import Warp, at_pace, at_rate
from execdb.livereplay.prepare import emitted, plan_of
from execdb.livereplay.result import Result, result_of
from execdb.livereplay.sandbox.sandbox import Sandbox
from execdb.livereplay.sandbox.tape_file import TapeFile
from execdb.store.event import Event
from tests.bench.measure import proc
from tests.bench.results import Row
from tests.bench.table import limits, publish
from tests.livereplay.histories import some

_PATHS, _MOST = 5_003, LiveOptions().max_processes
_NOTES = """\
`at the recorded pace`: a program every 4 ms for 10 s, each for 2 ms. Lateness is that of the stub's
first call, with whatever else ran on the machine.

{machine}. Measured with `python -m tests.bench live`.
"""


def compare(execs: int, write: Path | None) -> int:
    """Prints them."""
    pace = _run(_apart(2_503, 4), lambda plan: at_pace(plan, 1.0))[0]
    fast = _run(_apart(execs, 4), lambda plan: at_rate(plan, 6_000.0))[0]
    many, before_s = _run(_paths(), lambda plan: at_pace(plan, 1.0))
    late = f"median {pace.late_ms(0.5):.2f} ms, 99th {pace.late_ms(0.99):.2f} ms"
    in_time = pace.late_ms(0.5) <= 0.5 and pace.late_ms(0.99) <= 5
    rows = [
        Row("at the recorded pace", "median <= 0.5 ms, 99th <= 5 ms", late, in_time),
        _all("3,000 starts and ends a second each", fast),
        _all(f"{_PATHS:,} paths: {before_s:.2f} s until the first exec", many),
    ]
    publish("live", f"{limits(rows)}\n{_NOTES.format(machine=proc.machine())}", write)
    return 0


def _all(what: str, found: Result) -> Row:
    text = f"{found.started:,} of {found.planned:,} started"
    return Row(what, "all", text, found.started == found.planned)


def _run(rows: list[Event], warp: Callable[[Plan], Warp]) -> tuple[Result, float]:
    """The result, and the time from the end of planning to the start."""
    plan, paths = plan_of(rows, lambda _: None, warp)
    tape = TapeFile()
    try:
        made = emitted(plan, paths, rows, tape.write, users=True)
        begun_ns = time.monotonic_ns()
        sandbox = Sandbox(paths, [b"execdb-replay"], _MOST, plan.duration_ns)
        outcome = sandbox.run(tape, made.tape.times, made.entry)
        return result_of(made, outcome.start_ns, tape.read), (outcome.start_ns - begun_ns) / 1e9
    finally:
        tape.close()


def _apart(count: int, each_ms: int) -> list[Event]:
    """Programs of one parent."""
    long_ns = count * each_ms * 1_000_000 * 2
    return [
        some(0, "sh", id=1, duration_ns=long_ns),
        *(
            some(n * each_ms, "ls", str(n), id=n + 1, pid=5_000 + n, parent=1, ppid=1_000,
                 duration_ns=2_000_000)
            for n in range(1, count)
        ),
    ]  # fmt: skip


def _paths() -> list[Event]:
    return [some(n, f"tool{n}", id=n + 1) for n in range(_PATHS)]
