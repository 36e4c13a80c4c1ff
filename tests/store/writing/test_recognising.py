"""Which programs that run when a collector starts have a row already."""

import sqlite3
import time
from contextlib import closing
from typing import Any

import pytest

from execdb.store.event import REPLACED
from execdb.store.file.database import Database
from execdb.store.importing.importer import import_lines
from execdb.store.overview.family import Reach, family_of, latest_run
from execdb.store.reading.history import History
from execdb.store.reading.kin import FileKin
from execdb.store.writing.known_images import Earlier
from execdb.store.writing.recording import Machine
from tests.conftest import MACHINE, an_event, an_exec, counts
from tests.store.importing.exports import lines_of
from tests.store.writing.recordings import end
from tests.store.writing.restarts import SHELL, key, life, names, rows, running


def test_a_later_process_with_the_same_pid_is_another(database: Database) -> None:
    first = life(database)
    first.know([running(SHELL, pid=7)])
    first.write([SHELL, an_exec(29, argv=("x",), pid=103)], [], counts(2))
    again = life(database)
    later = an_exec(90, argv=("sh",), pid=101)
    same_tick = an_exec(0, boot_ns=5_020_000_000, argv=("x",), pid=103)
    ended = [end(an_exec(29, pid=103), 5, 0)]
    first.write([], ended, counts(2))
    assert again.know([later, same_tick]) == [key(same_tick), key(later)]
    assert [row[1:3] for row in rows(database, "seen")] == [
        ('["x"]', None),
        ('["sh"]', None),
        ('["sh"]', None),
    ]


def test_another_boot_is_another_world(database: Database) -> None:
    life(database).write([SHELL], [], counts(1))
    other = life(database, Machine("workshop", "00000000-0000-0000-0000-000000000000", "6.1.0"))
    other.write([an_exec(24, argv=("sh",), pid=102)], [], counts(1))
    assert other.know([running(SHELL)]) == [key(running(SHELL))]
    assert len(rows(database, "seen")) == 1


def test_an_import_may_claim_anything(database: Database) -> None:
    """Of this very boot: who may write a file to import does not say what the machine runs."""
    claim = an_event(23, pid=101, argv=("sh",), uid=1009)
    import_lines(database, lines_of([claim]))
    again = life(database)
    assert again.know([running(SHELL)]) == [key(running(SHELL))]
    again.write([an_exec(97, argv=("late",), parent=key(SHELL))], [], counts(1))
    assert rows(database, "execs")[1][2] is None


def test_attempts_that_failed_are_no_programs(database: Database) -> None:
    life(database).write([SHELL._replace(errno="ENOENT")], [], counts(1))
    assert life(database).know([running(SHELL)]) == [key(running(SHELL))]


@pytest.mark.parametrize(
    ("stored", "seen", "same"),
    [
        (("sh", "x"), {"argv": ("sh", "x"), "comm": "a name it gave itself"}, True),
        (("sh", "x"), {"argv": ("sh", "y"), "comm": "true"}, False),
        (("sh", "xyz"), {"argv": ("sh", "xy"), "truncated": True}, True),
        (("sh", "xyz"), {"argv": ("sh", "xy"), "truncated": True, "comm": "vi"}, False),
        (("sh", "xyz"), {"argv": ("sh", "xyz", "1")}, False),
        (("sh", "xyz"), {"argv": ("sh", "yz"), "truncated": True}, False),
    ],
)
def test_whether_it_is_the_same_program(
    database: Database, stored: tuple[str, ...], seen: dict[str, Any], same: bool
) -> None:
    image = an_exec(23, argv=stored, pid=101)
    life(database).write([image], [], counts(1))
    now = running(image, start=an_exec(**seen).start)
    assert life(database).know([now]) == [key(image) if same else key(now)]


def test_a_damaged_row_is_no_reason_not_to_record(database: Database) -> None:
    life(database).write([SHELL], [], counts(1))
    with closing(sqlite3.connect(database.path)) as connection, connection:
        connection.execute("UPDATE command SET arguments = 'x'")
    again = life(database)
    assert again.know([running(SHELL)]) == [key(running(SHELL))]
    assert rows(database, "seen")[0][2] == 1


def test_a_file_may_claim_circles(database: Database) -> None:
    life(database).write([SHELL], [], counts(1))
    with closing(sqlite3.connect(database.path)) as connection, connection:
        connection.execute("UPDATE image SET status = ?, duration_ns = 0", (REPLACED,))
    life(database).know([running(SHELL)])
    with closing(sqlite3.connect(database.path)) as connection, connection:
        connection.execute("UPDATE image SET parent_id = id")
    assert names(latest_run(FileKin(History(database)), Reach(down=False)).events) == ["sh"]
    assert names(family_of(FileKin(History(database)), 1, Reach()).events) == ["sh"]


def test_recognising_is_quick_in_a_long_history(database: Database) -> None:
    """As a ratio: it must not read the history, which takes its time."""
    first = life(database)
    execs = [an_exec(n, argv=(f"{n % 97}",), pid=1_000 + n % 30_011) for n in range(60_013)]
    for at in range(0, len(execs), 20_000):
        first.write(execs[at : at + 20_000], [], counts(at))
    images = [running(image, boot_ns=image.boot_ns) for image in execs[-40_009:-39_000]]
    with database.reading() as connection:
        earlier = Earlier(connection, database.path, MACHINE.boot_id)
        begin_s = time.perf_counter()
        found = earlier.images_of(connection, images)
        looked_s = time.perf_counter() - begin_s
        begin_s = time.perf_counter()
        connection.execute("SELECT sum(pid) FROM image").fetchone()
        read_s = time.perf_counter() - begin_s
    assert all(known is not None and known.same for known in found)
    assert looked_s / len(images) < read_s / 2
