"""What the collector has in memory, whatever users do."""

import contextlib
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Thread

from tests.bench.measure import proc
from tests.bench.peers.packages import Unavailable
from tests.bench.peers.recorders import EXECDB
from tests.bench.peers.rounds import say
from tests.bench.results import Row
from tests.bench.table import limits, publish
from tests.kernel.ground_truth import compile_programs
from tests.kernel.recorder import Recorder

_LIMIT = 96_000_000  # bytes of Pss
_LOOK_S = 0.1
_PID_MAX = Path("/proc/sys/kernel/pid_max")
_ENTRIES = 10_239
_NOTES = """\
Pss of the collector, the greatest of ten looks a second. Each row is a collector of its own on a
new file, without `--max-size`; floods come from one process, as fast as it can, for {seconds:g} s.

{machine}. Measured with `python -m tests.bench memory --seconds {seconds:g}`.
"""


def compare(seconds: float, write: Path | None) -> int:
    """Prints a row for each thing that users may do. Returns 1 if a limit does not hold."""
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as name:
        programs = Path(name)
        compile_programs(programs)
        rows = list(_rows(programs, f"{seconds * 1000:.0f}"))
    notes = _NOTES.format(seconds=seconds, machine=proc.machine())
    publish("memory", f"{limits(rows)}\n{notes}", write)
    return int(any(row.held is False for row in rows))


def _rows(programs: Path, flood_ms: str) -> Iterator[Row]:
    nothing = programs / "nothing"
    flood: proc.Command = [programs / "flood", nothing, flood_ms]
    yield _row("nothing", lambda folder: None)
    yield _row("new arguments of 300 bytes", _running([*flood, "300"]))
    yield _row("new arguments of 100 kB", _running([*flood, "100000"]))
    yield _row("paths of 3,900 bytes", _running([*flood, "10", "3900"]))
    folders: proc.Command = [programs / "folders", nothing, flood_ms]
    yield _row("each in a new folder, whose name has 30 bytes", _running([*folders, "30"]))
    yield _row("the same, 250 bytes", _running([*folders, "250"]))
    entries = _running([*flood, "30"])
    yield _row(f"a config of {_ENTRIES:,} messages", entries, before=_many_entries)
    for count, size in ((65_003, 0), (20_011, 131_072)):
        what = f"{count:,} processes" + (f" with arguments of {size // 1024} kB" if size else "")
        what += " run when it starts"
        try:
            with _alive(programs, count, size):
                row = _row(what, lambda folder: None)
        except Unavailable as error:
            row = Row(what, "", f"not measured: {error}", None)
        yield row


def _row(
    what: str, load: Callable[[Path], None], before: Callable[[Path], None] = lambda db: None
) -> Row:
    say(what)
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as name:
        db = Path(name, "execdb.db")
        before(db)
        recorder = Recorder(db, "--quiet")
        try:
            most = _most_while(recorder, lambda: load(Path(name)))
            stored = recorder.run("query", "--count", "--replays").strip()
            recorder.stop()
        finally:
            if recorder.process.poll() is None:
                recorder.kill()
    text = f"{most / 1e6:.0f} MB; {int(stored):,} execs"
    return Row(what, f"<= {_LIMIT // 1_000_000} MB", text, most <= _LIMIT)


def _most_while(recorder: Recorder, load: Callable[[], None]) -> int:
    """The greatest Pss, in bytes, while the load runs in a thread, and for a second after it."""
    thread, most = Thread(target=load), 0
    thread.start()
    until_s = time.monotonic() + 1
    while thread.is_alive() or time.monotonic() < until_s:
        if thread.is_alive():
            until_s = time.monotonic() + 1
        most = max(most, proc.pss_kb([recorder.process.pid]) * 1024)
        time.sleep(_LOOK_S)
    return most


def _running(command: Sequence[str | Path]) -> Callable[[Path], None]:
    def run(folder: Path) -> None:
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)

    return run


def _many_entries(db: Path) -> None:
    lines = "".join(f"{10_000 + number} message {number % 100}\n" for number in range(_ENTRIES))
    subprocess.run(
        [EXECDB, "--db", db, "config", "set", "-"],
        input=lines, text=True, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


@contextlib.contextmanager
def _alive(programs: Path, count: int, size: int) -> Iterator[None]:
    """So many processes that sleep, each with arguments of that size."""
    before = _PID_MAX.read_text()
    _PID_MAX.write_text(str(max(int(before), 4 * count)))
    command: proc.Command = [programs / "sleepers", str(count), str(size)]
    sleepers = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert sleepers.stdin
    assert sleepers.stdout
    try:
        if not re.match(b"ready", sleepers.stdout.readline()):
            raise Unavailable("this machine did not start so many")
        yield
    finally:
        sleepers.stdin.close()
        sleepers.wait()
        _PID_MAX.write_text(before)
