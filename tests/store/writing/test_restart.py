"""A collector starts again: on one boot, what runs is what was recorded, or seen, before."""

from execdb.store.event import Exec
from execdb.store.file.database import Database
from execdb.store.limits.bounds import Bounds
from execdb.store.limits.retention import Retention
from execdb.store.overview.family import Reach, family_of, latest_run
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.reading.kin import FileKin
from tests.conftest import START_NS, an_exec, counts
from tests.store.writing.recordings import end
from tests.store.writing.restarts import MS, SHELL, key, life, names, rows, running

HOUR_NS = 3_600_000_000_000


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
    assert names(list(history.events(Filter(descendants_of=(-2,))))) == [
        "child 0",
        "child 1",
        "child 2",
    ]
    assert names(family_of(FileKin(history), -1, Reach()).events) == [
        "init",
        "daemon",
        "child 0",
        "child 1",
        "child 2",
    ]
    assert names(latest_run(FileKin(history), Reach(down=False)).events) == [
        "init",
        "daemon",
        "child 2",
    ]
    assert names(family_of(FileKin(history), 2, Reach()).events) == ["init", "daemon", "child 1"]
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
    assert names(list(History(database).events(Filter(descendants_of=(1,))))) == ["child"]
    third = life(database)
    assert third.know([editor]) == [key(editor)]
    assert len(rows(database, "seen")) == 1
    assert History(database).latest_of(SHELL.pid) == -1


def test_from_exec_to_exec_of_one_process(database: Database) -> None:
    first = life(database)
    chain = [an_exec(24 + n, argv=(f"{n}",), pid=101) for n in range(29)]
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


CUT = an_exec(23, pid=101, argv=("sh", "-c", "x" * 97), truncated=True, argc=5, comm="sh")


def test_an_end_finds_an_image_of_an_earlier_run_that_is_not_known_by_heart(
    database: Database,
) -> None:
    """What a program forked may exec long after it ended."""
    life(database).write([SHELL], [], counts(1))
    again = life(database)
    again.write([an_exec(97, argv=("late",), parent=key(SHELL))], [], counts(1))
    assert rows(database, "execs")[1][2] == 1


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
