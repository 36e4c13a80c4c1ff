"""A collector starts again: on one boot, what runs is what was recorded, or seen, before."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import pytest

from execdb.store.event import REPLACED, Event, Exec, ImageKey
from execdb.store.file.database import Database
from execdb.store.importing.importer import import_lines
from execdb.store.limits.bounds import Bounds
from execdb.store.limits.retention import Retention
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.writing.known_images import Earlier
from execdb.store.writing.recording import Machine, Recording
from tests.conftest import MACHINE, START_NS, an_event, an_exec, counts
from tests.store.importing.exports import lines_of
from tests.store.writing.test_recording import end

MS = 1_000_000
HOUR_NS = 3_600_000_000_000
TICK_NS = 10 * MS


def key(image: Exec) -> ImageKey:
    return image.boot_ns, image.pid


def life(database: Database, machine: Machine = MACHINE) -> Recording:
    return Recording(database, machine, "0", START_NS)


def running(image: Exec, **changes: Any) -> Exec:
    """What /proc tells of a process that exec'd the image some milliseconds after it began."""
    began_ns = (image.boot_ns - 3 * MS) // TICK_NS * TICK_NS
    return an_exec(0, boot_ns=began_ns, pid=image.pid, argv=image.command.argv)._replace(**changes)


def rows(database: Database, view: str) -> list[tuple[Any, ...]]:
    with database.reading() as connection:
        return connection.execute(
            f"SELECT id, argv, parent_id, ended, duration_ns FROM {view} ORDER BY id"
        ).fetchall()


def names(events: Sequence[Event]) -> list[str]:
    return [event.argv[0] for event in events]


SHELL = an_exec(23, argv=("sh",), pid=101)


def test_a_program_that_was_recorded_keeps_its_row_and_gets_its_end(database: Database) -> None:
    life(database).write([SHELL], [], counts(1))
    again = life(database)
    assert again.know([running(SHELL)]) == [key(SHELL)]
    child = an_exec(1009, argv=("child",), parent=key(SHELL))
    again.write([child], [end(SHELL, 7, 3 << 8)], counts(1))
    assert rows(database, "seen") == []
    assert rows(database, "execs") == [
        (1, '["sh"]', None, "exit", 7),
        (2, '["child"]', 1, None, None),
    ]


def test_trees_and_descendants_cross_restarts(database: Database) -> None:
    init, daemon = (an_exec(n, argv=(name,), pid=n) for n, name in ((1, "init"), (5, "daemon")))
    parent: Exec = daemon
    for n in range(3):
        again = life(database)
        again.know([running(init), running(daemon, parent=key(running(init)))])
        child = an_exec(100 + n, argv=(f"child {n}",), parent=key(running(daemon)))
        again.write([child], [], counts(1))
    assert parent is daemon
    history = History(database)
    assert names(list(history.events(Filter(descendants_of=-2)))) == [
        "child 0",
        "child 1",
        "child 2",
    ]
    assert names(history.family(-1)) == ["init", "daemon", "child 0", "child 1", "child 2"]
    assert names(history.latest_run()) == ["init", "daemon", "child 2"]
    assert names(history.family(2)) == ["init", "daemon", "child 1"]
    assert [row[0] for row in rows(database, "seen")] == [-2, -1]


def test_a_program_that_execd_when_nobody_looked_has_what_it_was_for_a_parent(
    database: Database,
) -> None:
    life(database).write([SHELL], [], counts(1))
    again = life(database)
    editor = running(SHELL)._replace(start=an_exec(argv=("vi",)).start)
    assert again.know([editor]) == [key(editor)]
    again.write([an_exec(1009, argv=("child",), parent=key(editor))], [], counts(1))
    assert rows(database, "seen") == [(-1, '["vi"]', 1, None, None)]
    assert names(list(History(database).events(Filter(descendants_of=1)))) == ["child"]
    third = life(database)
    assert third.know([editor]) == [key(editor)]
    assert len(rows(database, "seen")) == 1
    assert History(database).latest_of(SHELL.pid) == -1


def test_from_exec_to_exec_of_one_process(database: Database) -> None:
    first = life(database)
    chain = [an_exec(10 + n, argv=(f"{n}",), pid=101) for n in range(29)]
    chain = [
        image._replace(parent=key(before), replaces=True)
        for before, image in zip([SHELL, *chain], chain, strict=False)
    ]
    first.write(chain, [], counts(29))
    assert life(database).know([running(chain[0], start=chain[-1].start)]) == [key(chain[-1])]
    assert rows(database, "seen") == []
    assert rows(database, "execs")[0][3:] == ("exec", MS)


def test_what_was_seen_and_then_execd_is_what_it_became(database: Database) -> None:
    first = life(database)
    first.know([running(SHELL)])
    editor = an_exec(50, argv=("vi",), pid=101, parent=key(running(SHELL)), replaces=True)
    first.write([editor], [], counts(1))
    assert rows(database, "seen") == [(-1, '["sh"]', None, "exec", editor.boot_ns - 5_020_000_000)]
    assert life(database).know([running(SHELL, start=editor.start)]) == [key(editor)]


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


CUT = an_exec(23, pid=101, argv=("sh", "-c", "x" * 97), truncated=True, argc=5, comm="sh")


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


def test_an_end_finds_an_image_of_an_earlier_run_that_is_not_known_by_heart(
    database: Database,
) -> None:
    """What a program forked may exec long after it ended."""
    life(database).write([SHELL], [], counts(1))
    again = life(database)
    again.write([an_exec(97, argv=("late",), parent=key(SHELL))], [], counts(1))
    assert rows(database, "execs")[1][2] == 1


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
    assert names(History(database).latest_run()) == ["sh"]
    assert names(History(database).family(1)) == ["sh"]


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


def test_what_a_later_run_of_the_boot_refers_to_stays(database: Database) -> None:
    """Else its id would be given to another, which would become the parent."""
    first = life(database)
    first.know([running(SHELL)])
    first.write([an_exec(50, argv=("old",), parent=key(running(SHELL)))], [], counts(1))
    first.finish(START_NS + 60 * MS, counts(1))
    second = life(database)
    second.know([running(SHELL)])
    second.write([an_exec(1_009, argv=("new",), parent=key(running(SHELL)))], [], counts(1))
    prune_before(database, START_NS + 1_000 * MS)
    assert rows(database, "execs") == [(2, '["new"]', -1, None, None)]
    assert rows(database, "seen") == [(-1, '["sh"]', None, None, None)]
    third = life(database)
    third.know([running(SHELL), an_exec(2_003, argv=("other",), pid=7)])
    assert [row[:2] for row in rows(database, "seen")] == [(-2, '["other"]'), (-1, '["sh"]')]
    third.finish(START_NS + 3_000 * MS, counts(0))
    prune_before(database, START_NS + 2_000 * MS)
    assert rows(database, "seen") == rows(database, "execs") == []


def prune_before(database: Database, time_ns: int) -> None:
    retention = Retention(database, Bounds(keep_ns=HOUR_NS))
    while retention.step(time_ns + HOUR_NS) is not None:
        pass
