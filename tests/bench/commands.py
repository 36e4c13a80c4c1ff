"""How long the other commands take: config set, import, query, replay."""

import contextlib
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.recorders import EXECDB, Execdb
from tests.bench.results import Row, Spread
from tests.bench.rounds import say
from tests.bench.table import spread

TRACE = Path(__file__).parents[3] / "shared" / "traces" / "gnu-hello-build.ndjson"
_IMPORTED = 60_000
_REPLAYED_S = 4
_CONFIG_SETS = 11
_QUERIES = 7


def rows(folder: Path) -> Iterator[Row]:
    """One row after the other, on databases in that folder."""
    trace = _trace()
    say("config set")
    yield from _config_set(folder)
    say("import, query, replay")
    yield _import(folder, trace)
    yield _query(folder)
    yield _replay(folder, trace)


def _execdb(db: Path, *arguments: str | Path) -> float:
    """Runs it to its end; seconds."""
    started_s = time.monotonic()
    subprocess.run([EXECDB, "--db", db, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started_s


def _trace() -> list[dict[str, Any]]:
    """The recorded build, or one made up where it is not there."""
    if TRACE.exists():
        return [json.loads(line) for line in TRACE.read_text().splitlines()]
    return [_made_up(number) for number in range(2879)]


def _made_up(number: int) -> dict[str, Any]:
    boot_ns = 10**12 + number * 4_000_000
    words = ["/usr/bin/gcc", "-O2", "-c", f"file{number % 1085}.c", "-I", "/usr/include" * 5]
    return {
        "time_ns": 1_760_000_000_000_000_000 + boot_ns, "boot_ns": boot_ns, "boot_id": "made-up",
        "host": "bench", "pid": 1000 + number, "ppid": 1000, "uid": 0, "euid": 0, "gid": 0,
        "comm": "gcc", "filename": words[0], "argv": words, "message": "Hello World",
    }  # fmt: skip


def _write(file: Path, events: list[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    return file


def _config_set(folder: Path) -> Iterator[Row]:
    """From its commit, seen from outside, to its answer, which it gives when the kernel has it:
    an upper bound, the end of its interpreter included."""
    own = folder / "config"
    own.mkdir()
    whole_ms, kernel_ms = [], []
    with Execdb(own) as recorder, contextlib.closing(sqlite3.connect(own / "execdb.db")) as db:
        for number in range(_CONFIG_SETS):
            message = f"message {number:4d}"
            started_s = time.monotonic()
            command: list[str | Path] = [
                EXECDB,
                "--db",
                recorder.db,
                "config",
                "set",
                "4711",
                message,
            ]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                committed_s = _committed_s(db, message, process)
                assert process.stdout
                if "(in the kernel)" not in process.stdout.read():
                    raise RuntimeError("config set did not get into the kernel")
            ended_s = time.monotonic()
            kernel_ms.append((ended_s - committed_s) * 1e3)
            whole_ms.append((ended_s - started_s) * 1e3)
    held = Spread.of(kernel_ms).median <= 250
    yield Row("config set, commit to in the kernel", "<= 250 ms", spread(kernel_ms, 0, " ms"), held)
    yield Row("config set, the whole command", "", spread(whole_ms, 0, " ms"), None)


def _committed_s(
    database: sqlite3.Connection, message: str, process: "subprocess.Popen[str]"
) -> float:
    """When the entry was in the table."""
    while process.poll() is None:
        row = database.execute("SELECT message FROM config WHERE uid = 4711").fetchone()
        if row == (message,):
            break
        time.sleep(0.001)
    return time.monotonic()


def _import(folder: Path, trace: list[dict[str, Any]]) -> Row:
    """The trace many times over, each time as another boot, as one command on a new database."""
    copies = _IMPORTED // len(trace)
    events = [{**e, "boot_id": f"{e['boot_id']}-{n}"} for n in range(copies) for e in trace]
    elapsed_s = _execdb(folder / "history.db", "import", _write(folder / "history.ndjson", events))
    rate = len(events) / elapsed_s
    text = f"{rate:,.0f} events/s ({len(events)} in {elapsed_s:.2f} s, the whole command)"
    return Row("import of stored history", ">= 60,000 events/s", text, rate >= 60_000)


def _query(folder: Path) -> Row:
    """In turns with a Python that only imports, which is the floor."""
    floor_s, query_s = [], []
    for _ in range(_QUERIES):
        started_s = time.monotonic()
        subprocess.run([sys.executable, "-c", "import typer, sqlalchemy"], check=True)
        floor_s.append(time.monotonic() - started_s)
        query_s.append(_execdb(folder / "history.db", "query", "--limit", "20"))
    ratios = [query / floor for query, floor in zip(query_s, floor_s, strict=True)]
    text = f"{spread(ratios)} ({Spread.of(query_s).median * 1e3:.0f} ms)"
    held = Spread.of(ratios).median <= 1.25
    return Row("query --limit 20 over importing typer, sqlalchemy", "<= 1.25", text, held)


def _replay(folder: Path, trace: list[dict[str, Any]]) -> Row:
    """When each line arrives here, against when it happened; the earliest line is on time."""
    first_ns = trace[0]["boot_ns"]
    part = [e for e in trace if e["boot_ns"] - first_ns < _REPLAYED_S * 1e9]
    db = folder / "replay.db"
    _execdb(db, "import", _write(folder / "replay.ndjson", part))
    command: list[str | Path] = [EXECDB, "--db", db, "replay", "--speed", "1", "--format", "ndjson"]
    arrived_ms = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout
        for line, event in zip(process.stdout, part, strict=True):
            assert line
            arrived_ms.append((time.monotonic_ns() - event["boot_ns"]) / 1e6)
    late_ms = [arrived - min(arrived_ms) for arrived in arrived_ms]
    tenth = max(1, len(late_ms) // 10)
    drift_ms = Spread.of(late_ms[-tenth:]).median - Spread.of(late_ms[:tenth]).median
    median_ms = Spread.of(late_ms).median
    text = f"median {median_ms:.2f} ms, most {max(late_ms):.1f} ms, drift {drift_ms:+.2f} ms in "
    text += f"{_REPLAYED_S} s"
    held = median_ms <= 1 and abs(drift_ms) <= 1
    return Row("replay --speed 1 lateness", "median <= 1 ms, no drift", text, held)
