"""What an event takes on disk, and how fast they are written and imported."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.bench.measure import rates
from tests.bench.measure.proc import Taken, run
from tests.bench.peers.recorders import EXECDB
from tests.bench.peers.rounds import say
from tests.bench.results import Row
from tests.bench.workloads.fill import Filled, fill, trace
from tests.bench.workloads.synthetic import repeated

EVENTS = 1_000_003
_GROWTH_KB = 4 * 1024  # between a tenth and the end: flat


def rows(folder: Path, events: int) -> Iterator[Row]:
    """On databases in that folder. `events` is for the large ones; the limits are for a million."""
    build = trace()
    say("storage: one build of GNU hello")
    db = folder / "hello.db"
    lines = _write(folder / "hello.ndjson", build, len(build))
    subprocess.run([EXECDB, "--db", db, "import", lines], check=True, stdout=subprocess.DEVNULL)
    yield size_row("one build of GNU hello, imported", 160, db.stat().st_size / len(build))
    once = fill("builds", folder / "once.db", len(build))
    yield size_row("one build of GNU hello, recorded with ends and parents", 160, once.bytes_each)
    say(f"storage: {events:,} events")
    many = fill("builds", folder / "many.db", events)
    yield size_row(f"{events:,} events of such builds", 95, many.bytes_each)
    yield Row("the same, writing", "", _writing(many), None)
    (folder / "many.db").unlink()
    unlike = fill("unlike", folder / "unlike.db", events)
    flat = unlike.peak_kb - unlike.tenth_kb <= _GROWTH_KB
    limit = ">= 40,000 events/s, flat"
    what = f"writing {events:,} events, every command line new"
    yield Row(what, limit, _writing(unlike), unlike.rate >= 40_000 and flat)
    yield Row("the same, on disk", "", f"{unlike.bytes_each:.0f} bytes an event", None)
    (folder / "unlike.db").unlink()
    say(f"import of {events:,} events")
    yield _import(folder, _write(folder / "many.ndjson", build, events), events)


def _write(file: Path, build: list[dict[str, object]], events: int) -> Path:
    with file.open("w") as out:
        out.writelines(json.dumps(values) + "\n" for values in repeated(build, events))
    return file


def size_row(what: str, limit: int, found: float) -> Row:
    """Bytes an event."""
    return Row(what, f"<= {limit} bytes each", f"{found:.1f} bytes", found <= limit)


def _writing(filled: Filled) -> str:
    peak, tenth = (kb / 1024 for kb in (filled.peak_kb, filled.tenth_kb))
    by_clock = f"{filled.events / filled.seconds:,.0f} by the clock"
    memory = f"peak {peak:.0f} MiB (after a tenth {tenth:.0f})"
    return f"{filled.rate:,.0f} events/s of CPU time, {by_clock}, {memory}"


def _import(folder: Path, file: Path, events: int) -> Row:
    """As a whole process, into a database that is not there yet."""
    db = folder / "imported.db"

    def run_once() -> Taken:
        taken = run([EXECDB, "--db", db, "import", file])
        for path in folder.glob("imported.db*"):
            path.unlink()
        return taken

    found = rates.row(f"import of {events:,} events, the whole command", events, run_once)
    file.unlink()
    return found
