"""execdb replay: how late lines arrive, and how fast and in what room it goes at full speed."""

import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from execdb.store.account import Counts
from execdb.store.file.database import open_database
from execdb.store.writing.recording import Machine, Recording
from tests.bench.measure import proc, rates
from tests.bench.peers.recorders import EXECDB
from tests.bench.peers.rounds import say
from tests.bench.results import Row
from tests.bench.workloads.synthetic import START_NS, month

# A month's events every 2.6 s; with this limit on idle time, one comes every 8 ms.
EVENTS = 1_000_003
_IDLE_S = 0.008
_WAL_LIMIT = 32 * 1024 * 1024
_WRITES_S = 0.05


def rows(db: Path, events: int, seconds: float) -> Iterator[Row]:
    """Of a history of so many events, to which others are added at the end."""
    yield _paced(db, seconds)
    yield from _unpaced(db, events)


def _paced(db: Path, seconds: float) -> Row:
    """When each line arrives here, against when it was due; the earliest line is on time."""
    pace = ["--speed", "1", "--idle-limit", str(_IDLE_S)]
    command: proc.Command = [EXECDB, "--db", db, "replay", *pace, "--format", "ndjson"]
    say(f"replay: {seconds:g} s at speed 1")
    arrived_s: list[float] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        for _ in process.stdout:
            arrived_s.append(time.monotonic())
            if arrived_s[-1] - arrived_s[0] > seconds:
                process.terminate()
                break
    due_s = [at_s - number * _IDLE_S for number, at_s in enumerate(arrived_s)]
    late_ms = [(at_s - min(due_s)) * 1e3 for at_s in due_s]
    median_ms, last = statistics.median(late_ms), statistics.quantiles(late_ms, n=100)[-1]
    tenth = max(1, len(late_ms) // 10)
    drift_ms = statistics.median(late_ms[-tenth:]) - statistics.median(late_ms[:tenth])
    text = f"median {median_ms:.2f} ms, 99th percentile {last:.2f} ms, most {max(late_ms):.1f} ms, "
    text += f"drift {drift_ms:+.2f} ms; {len(late_ms):,} events in {seconds:g} s"
    held = median_ms <= 0.5 and last <= 5 and abs(drift_ms) <= 0.5
    return Row("replay --speed 1, lateness", "median <= 0.5 ms, 99th <= 5 ms, no drift", text, held)


def _unpaced(db: Path, events: int) -> Iterator[Row]:
    """At full speed, while another process goes on writing to the same file."""
    say("replay: at full speed")
    command: proc.Command = [EXECDB, "--db", db, "replay", "--speed", "0", "--format", "ndjson"]
    yield rates.row("replay --speed 0 --format ndjson", events, lambda: proc.run(command))
    with _Writer(db) as writer, tempfile.TemporaryFile() as sink:
        streamed = proc.stream(command, sink)
    text = f"{writer.wal_bytes / 2**20:.1f} MiB at most, {writer.written:,} rows written meanwhile"
    text += f"; memory of replay {streamed.peak_kb / 1024:.0f} MiB"
    held = writer.wal_bytes <= _WAL_LIMIT
    yield Row("the file's WAL meanwhile, with a writer", "<= 32 MiB", text, held)


class _Writer:
    """Records to the database until closed, and watches its write-ahead log."""

    def __init__(self, db: Path) -> None:
        self._db = db
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.written = self.wal_bytes = 0

    def _work(self) -> None:
        wal = self._db.with_name(self._db.name + "-wal")
        machine = Machine(host="bench", boot_id="another", kernel="6.1.0")
        with open_database(self._db) as database:
            recording = Recording(database, machine, "bench", START_NS)
            for execs, ends in month(EVENTS):
                recording.write(execs, ends, Counts(self.written, self.written, 0, 0))
                self.written += len(execs)
                self.wal_bytes = max(self.wal_bytes, wal.stat().st_size)
                if self._over.wait(_WRITES_S):
                    return

    def __enter__(self) -> "_Writer":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
