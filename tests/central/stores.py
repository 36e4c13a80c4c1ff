"""Files to ship, and how a file and a central store compare."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from execdb.store.account import Account, Counts, Loss
from execdb.store.event import End, Event, Exec, Place
from execdb.store.fields import FIELDS
from execdb.store.file.database import open_database
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.writing.recording import Machine, Recording
from tests.central.conftest import Central
from tests.conftest import MACHINE, START_NS, an_exec, some_creds

_ODD = (
    "plain",
    "caf\u00e9",
    "not \udcff\udc80 utf-8",
    "tab\tand\nline \\N \\",
    "\U0010ff80",
    '"{}',
)


RECENT_NS = time.time_ns() - 3_600 * 10**9  # START_NS is so long ago that it has no partition


def some_execs(count: int, first: int = 0, at_ns: int = RECENT_NS) -> list[Exec]:
    """Different ones, some with texts that COPY or UTF-8 might not carry."""
    execs = []
    for number in range(first, first + count):
        text = _ODD[number % len(_ODD)]
        argv = ("true", text, str(number % 97))
        creds = some_creds(uid=number % 5 * 1_000, tty=text if number % 3 else None)
        place = Place(f"/home/{text}", None, number % 2 == 0, container=text or None)
        more = {"argv": argv, "filename": f"/bin/{text}", "creds": creds, "place": place}
        execs.append(an_exec(number, time_ns=at_ns + number * 1_000_000, **more))
    return execs


def an_end(exec_: Exec, status: int = 256) -> End:
    return End(exec_.boot_ns + 700_000, (exec_.boot_ns, exec_.pid), status, 500_000, 4_096)


class Recorder:
    """A collector's run in a file, by hand: `write` is one transaction."""

    def __init__(self, path: Path, machine: Machine = MACHINE) -> None:
        self.database = open_database(path, create=True)
        self.recording = Recording(self.database, machine, "0", START_NS)
        self.stored = self.lost = 0

    def write(
        self,
        execs: Sequence[Exec] = (),
        ends: Sequence[End] = (),
        losses: Sequence[Loss] = (),
        lost: int = 0,
    ) -> None:
        self.stored += len(execs)
        self.lost += lost
        counts = Counts(self.stored + self.lost, self.stored, 0, self.lost)
        self.recording.write(execs, ends, counts, Account(alive_ns=START_NS + 1, losses=losses))

    def close(self) -> None:
        """As a crash would."""
        self.database.close()

    def finish(self) -> None:
        counts = Counts(self.stored + self.lost, self.stored, 0, self.lost)
        self.recording.finish(START_NS + 10**12, counts)
        self.database.close()


def local_events(path: Path) -> list[dict[str, Any]]:
    """The recorded events of a file, without what a central store numbers anew."""
    with open_database(path) as database:
        return [_comparable(event) for event in History(database).events(Filter())]


def _comparable(event: Event) -> dict[str, Any]:
    found = {field.name: getattr(event, field.name) for field in FIELDS}
    del found["run_id"]
    return found | {"argv": list(event.argv)}


def central_events(central: Central, view: str = "execs") -> list[dict[str, Any]]:
    """What the view has, as a reader sees it, in order."""
    from execdb.store.central.text import from_central

    with psycopg.connect(central.reader, row_factory=dict_row) as connection:
        rows = connection.execute(f"SELECT * FROM execdb.{view} ORDER BY run_id, id".encode())
        found = [
            {key: from_central(v) if isinstance(v, str) else v for key, v in row.items()}
            for row in rows
        ]
    for row in found:
        del row["run_id"]
        row["argv"] = json.loads(row["argv"])
    return sorted(found, key=lambda row: row["id"])


def assert_shipped(central: Central, path: Path) -> None:
    """Every row of the file is in the store once, and equal."""
    assert central_events(central) == sorted(local_events(path), key=lambda row: row["id"])
