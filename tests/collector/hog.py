"""What an ordinary user can make a collector hold: `python -m tests.collector.hog KIND FOLDER` has
such programs recorded to a database, locked meanwhile for some kinds, and prints by how many
bytes that made the process grow at most."""

import re
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.collector.records import record, ring

EACH = 48_000  # bytes of arguments
DRAIN = 900_000  # bytes that a drain brings, of two rings


def arguments(kind: str, number: int) -> list[bytes]:
    unique = b"%d" % number
    if kind == "long":
        return [b"x", unique.ljust(EACH, b"a")]
    if kind == "wide":  # one character makes each of the others take four bytes
        return [b"x", unique.ljust(EACH, b"a") + "\U0001f300".encode()]
    if kind == "short":
        size = EACH // 5
        return [b"%04x" % ((number * size + n) & 0xFFFF) for n in range(size)]
    if kind == "control":  # six bytes each, as JSON has them
        return [b"x", unique.ljust(EACH, b"\x01")]
    assert kind == "recurring"
    return [b"ar", b"-o" + unique, *(b"objects/obj-%d.o" % n for n in range(1_000))]


def drains(kind: str, total: int) -> Iterator[bytes]:
    records: list[bytes] = []
    for number in range(total):
        records.append(record(*arguments(kind, number), boot_ns=1_000 + number, pid=23))
        if sum(map(len, records)) >= DRAIN or number == total - 1:
            yield ring(records)[0]
            records = []


def peak_bytes() -> int:
    (kib,) = re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(kib) * 1024


def main(kind: str, folder: Path, total: int, *, locked: bool) -> int:
    from execdb.collector.backlog import Backlog
    from execdb.collector.decoding.decoder import Decoder
    from execdb.collector.own_process.footprint import settle, stay_small
    from execdb.store.account import Counts
    from execdb.store.errors import DatabaseBusy
    from execdb.store.file.database import open_database
    from execdb.store.writing.recording import Machine, Recording

    stay_small()
    database = open_database(folder / "hog.db", create=True, busy_ms=0)
    recording = Recording(database, Machine("here", "boot", "6.1"), "0", 0)
    other = sqlite3.connect(folder / "hog.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE" if locked else "BEGIN")
    decoder, waiting, stored = Decoder(), Backlog(20_000), 0
    settle()
    before = peak_bytes()

    def store() -> bool:
        nonlocal stored
        batch = waiting.batch(1 << 62)
        if not batch.execs:
            return False
        try:
            stored += len(batch.execs)
            recording.write(batch.execs, batch.ends, Counts(stored, stored, 0, 0))
        except DatabaseBusy:
            return False
        waiting.stored(batch)
        return True

    for chunk in drains(kind, total):
        decoded = decoder.decode([chunk], 0)
        assert not decoded.unreadable
        waiting.add(decoded, decoder.size_bytes)
        while store():
            pass
        until_ns = waiting.too_many_ns()
        if until_ns is not None:
            waiting.give_up(until_ns)
    other.execute("ROLLBACK")
    while store():
        pass
    return peak_bytes() - before


if __name__ == "__main__":
    kind, folder, total, locked = sys.argv[1:]
    print(main(kind, Path(folder), int(total), locked=locked == "locked"))
