"""How far from the limit Python is: records to committed rows, by the collector and by C.

Both take the same records from memory, as they come out of the rings; the kernel's side is the
same for both and not in it.
"""

import contextlib
import hashlib
import itertools
import json
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from execdb.store.writing.recording import Machine
from tests.bench.measure import proc
from tests.bench.peers.packages import Unavailable
from tests.bench.peers.rounds import say
from tests.bench.results import Row
from tests.bench.table import limits, publish, spread
from tests.bench.workloads.fill import trace
from tests.bench.workloads.raw import raw_end, raw_exec
from tests.bench.workloads.synthetic import builds
from tests.collector.records import sample

SOURCE = Path(__file__).with_name("yardstick.c")
_BATCH = 2_000  # records
_SIZE = struct.Struct("=I")
_ROUNDS = 9
_LIMITS = {"builds": 1.25, "every line new": 1.5}  # ratios
_MACHINE = Machine("bench", "made-up", "6.1.0")

_NOTES = """\
CPU time for each exec with its end and parent, from records of {events:,} execs in memory to
committed, indexed rows; {rounds} rounds in turns, median with (least-greatest). *Builds* are
builds of GNU hello, where command lines recur; in *every line new* each exec has an argument more,
another each time. The C program (`tests/bench/measure/yardstick.c`) fills the same tables and
indexes of the same kind of file with sqlite3; after the first round all tables of both files are
compared. It checks nothing and forgets no image, so it is below what a finished recorder in C
would take.

{machine}. Measured with `python -m tests.bench yardstick`.
"""


def compare(events: int, write: Path | None) -> int:
    """Prints both and their ratio, for each kind of command lines."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as name:
        program = _compiled(Path(name))
        for kind, limit in _LIMITS.items():
            python_us, c_us = _rounds(Path(name), program, kind, events)
            ratio = min(python_us) / min(c_us)
            ratios = [own / other for own, other in zip(python_us, c_us, strict=True)]
            rows += (
                Row(f"{kind}: the collector", "", spread(python_us, 2, " us"), None),
                Row(f"{kind}: the same work in C", "", spread(c_us, 2, " us"), None),
                Row(f"{kind}: ratio of the least", f"<= {limit}", f"{ratio:.2f}", ratio <= limit),
                Row(f"{kind}: ratio of each round", "", spread(ratios, 2), None),
            )
    notes = _NOTES.format(events=events, rounds=_ROUNDS, machine=proc.machine())
    publish("yardstick", f"{limits(rows)}\n{notes}", write)
    return int(any(row.held is False for row in rows))


def _rounds(folder: Path, program: Path, kind: str, events: int) -> tuple[list[float], list[float]]:
    """The CPU time of the collector and of the C program for an exec, in us, of each round."""
    dump = folder / "dump"
    with dump.open("wb") as file:
        file.writelines(_records(events, unlike=kind != "builds"))
    python_us, c_us = [], []
    for number in range(_ROUNDS):
        say(f"yardstick, {kind}: {number + 1} of {_ROUNDS}")
        own: proc.Command = [
            sys.executable,
            "-m",
            "tests.bench.measure.yardstick",
            dump,
            folder / "python.db",
        ]
        _empty(folder / "c.db")
        python_us.append(_ns(own) / events / 1e3)
        c_us.append(_ns([program, dump, folder / "c.db"]) / events / 1e3)
        if number == 0:
            _compare(folder / "python.db", folder / "c.db")
        for path in itertools.chain(folder.glob("python.db*"), folder.glob("c.db*")):
            path.unlink()
    return python_us, c_us


def _empty(db: Path) -> None:
    """A new database with one run, which the C program fills."""
    from execdb.store.file.create import prepare
    from execdb.store.file.database import open_database
    from execdb.store.writing.recording import Recording

    prepare(db, create=True)
    with open_database(db) as database:
        Recording(database, _MACHINE, "bench", 0)


def _compare(own: Path, other: Path) -> None:
    """Raises RuntimeError if the two do not hold the same."""
    digests, others = _digest(own), _digest(other)
    if differs := [name for name in digests if digests[name] != others.get(name)]:
        raise RuntimeError(f"yardstick.c does not store what the collector does: {differs}")


def _digest(db: Path) -> dict[str, str]:
    """Of all rows of each table, and of the view `execs`. Of a run only what counts execs: its
    number is random."""
    with contextlib.closing(sqlite3.connect(db)) as connection:
        names = [name for (name,) in connection.execute(_TABLES)]
        questions = {name: f"SELECT * FROM {name}" for name in names}
        questions["run"] = "SELECT id, seen, stored, filtered, lost, pruned FROM run"
        questions["execs"] = "SELECT * FROM execs ORDER BY id"
        return {name: _digest_of(connection, sql) for name, sql in questions.items()}


_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table'"


def _digest_of(connection: sqlite3.Connection, sql: str) -> str:
    digest = hashlib.sha256()
    for row in connection.execute(sql):
        digest.update(repr(row).encode())
    return digest.hexdigest()


def _ns(command: proc.Command) -> int:
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def _compiled(folder: Path) -> Path:
    """Raises Unavailable: it needs sqlite3's header."""
    program = folder / "yardstick"
    done = subprocess.run(
        ["gcc", "-O2", "-o", program, SOURCE, "-lsqlite3"], capture_output=True, text=True
    )
    if done.returncode:
        raise Unavailable(f"yardstick.c does not compile (libsqlite3-dev): {done.stderr.strip()}")
    return program


def _records(events: int, *, unlike: bool) -> Iterator[bytes]:
    """As a dump has them: each behind its size, ends among the execs."""
    for execs, ends in builds(trace(), events, unlike=unlike):
        stones = [(event.boot_ns, raw_exec(event)) for event in execs]
        stones += [(one.boot_ns, raw_end(one)) for one in ends]
        for _, raw in sorted(stones):
            raw += b"\0" * (-len(raw) % 4)
            yield _SIZE.pack(len(raw)) + raw


def _read(dump: Path) -> Iterator[list[bytes]]:
    """Batches of records, as a drain brings them."""
    raw, at, batch = dump.read_bytes(), 0, []
    while at < len(raw):
        (size,) = _SIZE.unpack_from(raw, at)
        at += _SIZE.size
        batch.append(raw[at : at + size])
        at += size
        if len(batch) == _BATCH or at == len(raw):
            yield batch
            batch = []


def write(dump: Path, db: Path) -> int:
    """The collector's part; its CPU time in ns, imports and the making of the file aside."""
    from execdb.collector.decoding.decoder import Decoder
    from execdb.collector.own_process.footprint import settle
    from execdb.store.account import Counts
    from execdb.store.file.create import prepare
    from execdb.store.file.database import open_database
    from execdb.store.writing.recording import Recording

    chunks = [b"".join(map(sample, batch)) for batch in _read(dump)]
    prepare(db, create=True)
    with open_database(db) as database:
        recording = Recording(database, _MACHINE, "bench", 0)
        decoder, stored = Decoder(), 0
        settle()
        started_ns = time.process_time_ns()
        for chunk in chunks:
            decoded = decoder.decode([chunk], 0)
            if decoded.unreadable:
                raise RuntimeError("the dump holds what is no record")
            stored += len(decoded.execs)
            recording.write(decoded.execs, decoded.ends, Counts(stored, stored, 0, 0))
            del decoded  # as the backlog drops what is stored, before the next drain
        recording.finish(0, Counts(stored, stored, 0, 0))
        return time.process_time_ns() - started_ns


if __name__ == "__main__":
    print(json.dumps(write(Path(sys.argv[1]), Path(sys.argv[2]))))
