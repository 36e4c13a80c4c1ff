"""Makes a database of made-up events through the recorder's own writing side, in a process of its
own, so that its memory can be told: `python -m tests.bench.workloads.fill KIND DB EVENTS`."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from execdb.store.account import Counts
from execdb.store.file.create import prepare
from execdb.store.file.database import open_database
from execdb.store.writing.recording import Machine, Recording
from tests.bench.measure import proc
from tests.bench.workloads import synthetic
from tests.trace import hello_build


def trace() -> list[dict[str, Any]]:
    """The recorded build."""
    return [json.loads(line) for line in hello_build().splitlines()]


KINDS: dict[str, Callable[[int], Iterator[synthetic.Batch]]] = {
    "month": synthetic.month,
    "builds": lambda events: synthetic.builds(trace(), events),
    "unlike": lambda events: synthetic.builds(trace(), events, unlike=True),
}


@dataclass(frozen=True)
class Filled:
    """What writing took: seconds and CPU seconds within `Recording.write`, KiB resident after a
    tenth and at most. `size` is that of the file after a checkpoint."""

    events: int
    seconds: float
    cpu_s: float
    tenth_kb: int
    peak_kb: int
    size: int

    @property
    def rate(self) -> float:
        """Events a second of CPU time."""
        return self.events / self.cpu_s

    @property
    def bytes_each(self) -> float:
        return self.size / self.events


def fill(kind: str, db: Path, events: int) -> Filled:
    """Does it in a child process. Raises CalledProcessError."""
    command = [sys.executable, "-m", "tests.bench.workloads.fill", kind, str(db), str(events)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return Filled(**json.loads(done.stdout))


def write(kind: str, db: Path, events: int) -> Filled:
    prepare(db, create=True)
    own = [int(Path("/proc/self").readlink().name)]
    tenth_kb, elapsed_s, cpu_s, stored = 0, 0.0, 0.0, 0
    with open_database(db) as database:
        machine = Machine(host="bench", boot_id="made-up", kernel="6.1.0")
        recording = Recording(database, machine, "bench", synthetic.START_NS)
        for execs, ends in KINDS[kind](events):
            stored += len(execs)
            started_s, started_cpu_s = time.perf_counter(), time.process_time()
            recording.write(execs, ends, Counts(stored, stored, 0, 0))
            elapsed_s += time.perf_counter() - started_s
            cpu_s += time.process_time() - started_cpu_s
            if not tenth_kb and stored >= events / 10:
                tenth_kb = proc.rss_kb(own)
        last_ns = synthetic.START_NS + synthetic.MONTH_NS
        recording.finish(last_ns, Counts(stored, stored, 0, 0))
        database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Filled(stored, elapsed_s, cpu_s, tenth_kb, proc.peak_kb(own), db.stat().st_size)


if __name__ == "__main__":
    kind, db, events = sys.argv[1:]
    print(json.dumps(asdict(write(kind, Path(db), int(events)))))
