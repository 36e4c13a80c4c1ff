"""Writing: one life is one run, one batch is one transaction, equal things are stored once."""

import contextlib
import sqlite3
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execdb.store.errors import DatabaseError
from execdb.store.event import Command, Creds, Exec, Place, text_of
from execdb.store.file.database import Database
from execdb.store.ledger.totals import read_totals
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.segments import dictionary
from execdb.store.writing.recording import Recording
from tests.conftest import (
    BOOT_ID,
    MACHINE,
    START_NS,
    an_exec,
    counts,
    empty,
    recorded,
    some_creds,
)
from tests.store.writing.recordings import CHILD, NEXT, SHELL, begin, events, value_of


def stored(database: Database) -> list[Exec]:
    """What is in the history, as it was given to the recorder."""
    return [
        an_exec(
            creds=Creds(*(getattr(e, name) for name in Creds._fields)),
            place=Place(*(getattr(e, name) for name in Place._fields)),
            **{n: getattr(e, n) for n in ("time_ns", "boot_ns", "pid", "ppid", "errno", "caller")},
            **{name: getattr(e, name) for name in Command._fields},
            ns_pid=None if e.ns_pid == e.pid else e.ns_pid,
        )
        for e in History(database).events(Filter())
    ]


@pytest.mark.parametrize("count", [1, 31, 32, 33, 64, 65, 97])
def test_however_many_are_new_each_is_stored_with_its_own(database: Database, count: int) -> None:
    execs = [an_exec(n, argv=("x", f"{n}", f"{n // 2}'\"\\")) for n in range(count)]
    recorded(database, execs)
    assert [event.argv for event in History(database).events(Filter())] == [
        e.command.argv for e in execs
    ]


U32 = st.integers(0, 4_294_967_294)


TEXT = st.binary(max_size=23).map(lambda raw: text_of(raw.replace(b"\0", b"")))


EXECS = st.lists(
    st.builds(
        an_exec,
        st.integers(0, 1_009),
        creds=st.builds(Creds, *[U32] * 3, *[st.none() | U32] * 2, st.none() | TEXT, TEXT, U32),
        place=st.builds(
            Place,
            *(st.none() | TEXT, st.none() | TEXT, st.booleans(), st.none() | TEXT),
            *[st.none() | st.integers(0, (1 << 32) - 1)] * 3,
        ),
        exe=st.none() | TEXT,
        exe_device=st.none() | st.just("253:1"),
        exe_inode=st.none() | st.integers(0, (1 << 63) - 1),
        exe_deleted=st.booleans(),
        ns_pid=st.none() | st.integers(1, 999),  # none is the same pid as outside
        caller=st.none() | TEXT,
        filename=TEXT,
        comm=TEXT,
        argv=st.lists(TEXT, max_size=5).map(tuple),
        truncated=st.booleans(),
    ),
    max_size=7,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(EXECS, max_size=3))
def test_what_was_written_is_read_back(database: Database, batches: list[list[Exec]]) -> None:
    empty(database)
    recording = begin(database)
    for batch in batches:
        recording.write(batch, [], counts(0))
    written = [event for batch in batches for event in batch]
    assert stored(database) == sorted(written, key=lambda event: event.time_ns)


def test_the_name_of_the_host_may_be_any_bytes(database: Database) -> None:
    machine = replace(MACHINE, host="h\udcffé")
    for turn in range(2):  # the second finds the first
        recording = Recording(database, machine, "0", START_NS + turn)
        recording.write([an_exec(turn)], [], counts(1))
    assert {event.host for event in History(database).events(Filter())} == {machine.host}
    assert {run["host"] for run in read_totals(database).runs} == {machine.host}


def test_the_ids_of_the_rows_are_returned(database: Database) -> None:
    recording = begin(database)
    assert recording.write([an_exec(n) for n in range(23)], [], counts(23)) == [*range(1, 24)]
    assert recording.write([an_exec(23), an_exec(24)], [], counts(25)) == [24, 25]
    assert [e.id for e in History(database).events(Filter())] == list(range(1, 26))


def test_the_ledger_goes_with_the_batch(database: Database) -> None:
    recording = begin(database)
    recording.write([an_exec()], [], counts(1, lost=7))
    assert read_totals(database).runs == [
        {
            "run_id": recording.run_id,
            "host": "workshop",
            "boot_id": BOOT_ID,
            "kernel": "6.1.0",
            "version": "0",
            "started_ns": START_NS,
            "ended_ns": None,
            "ended": None,
            "seen": 8,
            "stored": 1,
            "filtered": 0,
            "lost": 7,
            "pruned": 0,
            "alive_ns": START_NS,
        }
    ]


def test_equal_commands_and_credentials_are_stored_once(database: Database) -> None:
    recording = recorded(database, [an_exec(n) for n in range(23)])
    recording.write([an_exec(n) for n in range(23, 46)], [], counts(46))
    recording.write([an_exec(46, argv=("other",))], [], counts(47))
    assert value_of(database, "SELECT count(*) FROM command") == 2
    assert value_of(database, "SELECT count(*) FROM origin") == 1


def test_more_commands_than_are_remembered_are_all_right(database: Database) -> None:
    execs = [an_exec(n, argv=(str(n % 9_001),)) for n in range(9_203)]
    assert dictionary._ENTRIES_MAX < 2 * 9_001
    recording = recorded(database, execs[:9_103])
    recording.write(execs[9_103:], [], counts(9_203))
    assert value_of(database, "SELECT count(*) FROM segment") == 2
    assert [event.command.argv for event in stored(database)] == [e.command.argv for e in execs]


def test_known_starts_hold_so_much_together(database: Database) -> None:
    """Equal long command lines, each in a control group of its own, which makes another start."""
    recording = begin(database)
    tracemalloc.start()
    for n in range(307):
        argv = tuple(map(str, range(1_009)))
        recording.write([an_exec(n, argv=argv, place=Place("/", str(n)))], [], counts(n))
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held_bytes < 8_000_000


def test_a_batch_that_fails_leaves_nothing_and_spoils_nothing(db: Path, database: Database) -> None:
    with database.writing() as connection:
        connection.execute(
            "CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.image WHEN NEW.pid = 13 "
            "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
    recording = recorded(database, [an_exec(0)])
    fresh = some_creds(7)
    bad = [an_exec(1, argv=("new",), creds=fresh), an_exec(2, pid=13)]
    with pytest.raises(DatabaseError, match="refused"):
        recording.write(bad, [], counts(3))
    assert value_of(database, "SELECT count(*) FROM command") == 1
    assert value_of(database, "SELECT stored FROM runs") == 1

    # The same command again, and another writer's in the place it would have had.
    with Database(db) as other:
        recorded(other, [an_exec(5, argv=("from elsewhere",), creds=some_creds(5))])
    good = [bad[0], an_exec(3)]
    recording.write(good, [], counts(3))
    assert {event.command.argv for event in stored(database)} == {
        ("true",),
        ("new",),
        ("from elsewhere",),
    }
    assert [event for event in stored(database) if event.creds == fresh] == [bad[0]]


class Interrupted(Database):
    """Someone else writes a row right behind each commit."""

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        with super().writing() as connection:
            yield connection
        with Database(self.path) as other:
            recorded(other, [an_exec(5, argv=("from elsewhere",))])


def test_what_others_write_right_behind_a_commit_is_noticed(db: Path) -> None:
    with Interrupted(db) as database:
        recording = begin(database)
        assert recording.write([an_exec(0)], [], counts(1)) == [2]
        assert recording.write([an_exec(7)], [], counts(2)) == [4]


def test_what_is_committed_is_there_for_others_at_once(db: Path, database: Database) -> None:
    recorded(database, [an_exec(n) for n in range(23)])
    plain = sqlite3.connect(f"file:{db}?mode=ro", uri=True)
    assert plain.execute("SELECT count(*) FROM execs").fetchone() == (23,)
    plain.close()


@pytest.mark.parametrize("batches", [[[SHELL, CHILD, NEXT]], [[SHELL], [CHILD], [NEXT]]])
def test_a_parent_is_a_row(database: Database, batches: list[list[Exec]]) -> None:
    recording = begin(database)
    for batch in batches:
        recording.write(batch, [], counts(0))
    assert [(e.argv[0], e.parent_id, e.ended) for e in events(database)] == [
        ("sh", None, None),
        ("child", 1, "exec"),
        ("next", 2, None),
    ]
    assert events(database)[1].duration_ns == NEXT.boot_ns - CHILD.boot_ns


def test_a_start_that_is_gone_lends_its_identity_to_no_other() -> None:
    entries = dictionary.Dictionary()
    found = set()
    for number in range(1_009):  # each is freed, and the next may get its place in memory
        start = an_exec(argv=(f"{number}",)).start
        found.add((entries.starts.get(id(start)) or entries.ids_of(start))[:4])
    assert len(found) == 1_009
