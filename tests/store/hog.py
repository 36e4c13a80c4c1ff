"""What reading a database takes that someone has made to be large: `python -m tests.store.hog KIND
FOLDER LIMIT` prints by how many bytes the process grew at most, and how many events it read."""

import json
import re
import sqlite3
import sys
from pathlib import Path

from tests.conftest import MACHINE, START_NS, a_filter, an_exec, counts

MIB = 1 << 20


def make(kind: str, path: Path) -> None:
    """A database of about 50 MB."""
    from execdb.store.file.database import open_database
    from execdb.store.writing.recording import Recording

    with open_database(path, create=True) as database:
        recording = Recording(database, MACHINE, "0", START_NS)
        if kind == "long":
            for first in range(0, 1_000, 50):
                numbers = range(first, first + 50)
                execs = [an_exec(n, argv=("x", str(n).ljust(48_000, "a"))) for n in numbers]
                recording.write(execs, [], counts(50))
        elif kind == "shuffled":
            recording.write([an_exec(n, argv=(str(n),)) for n in range(1_000)], [], counts(1_000))
        else:
            recording.write([an_exec(n, argv=(str(n), "")) for n in range(7)], [], counts(7))
    with sqlite3.connect(path) as raw:
        if kind == "shuffled":  # what a row refers to first comes last
            (low,) = raw.execute("SELECT min(id) FROM argument").fetchone()
            raw.execute("DELETE FROM argument")
            rows = ((low + n, json.dumps(str(n).ljust(48_000, "a"))) for n in range(1_000))
            raw.executemany("INSERT INTO argument VALUES (?, ?)", rows)
            commands = raw.execute("SELECT id FROM command ORDER BY id").fetchall()
            lists = ((f"[{low + n * 617 % 1_000}]", id_) for n, (id_,) in enumerate(commands))
            raw.executemany("UPDATE command SET arguments = ? WHERE id = ?", lists)
        elif kind != "long":
            (empty,) = raw.execute("SELECT id FROM argument WHERE text = '\"\"'").fetchone()
            number = {"many": 230_000, "too many": 1_000_000}[kind]
            ids = "[" + ",".join([str(empty)] * number) + "]"
            raw.execute("UPDATE command SET arguments = ?, argc = ?", (ids, number))


def peak_bytes() -> int:
    (kib,) = re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(kib) * 1024


def main(kind: str, folder: Path, limit: int) -> tuple[int, int]:
    from execdb.cli.show.json_lines import ndjson_of_rows
    from execdb.store.file.database import open_database
    from execdb.store.reading.filter import Filter
    from execdb.store.reading.history import History

    with open_database(folder / f"{kind}.db") as database:
        next(iter(History(database).events(a_filter(uid=4_711))), None)
        before = peak_bytes()
        lines = sum(1 for _ in ndjson_of_rows(History(database).json_rows(Filter(), limit=limit)))
        return peak_bytes() - before, lines


if __name__ == "__main__":
    kind, folder, limit = sys.argv[1:]
    print(*main(kind, Path(folder), int(limit)))
