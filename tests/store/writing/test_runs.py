"""Runs"""

from execdb.store.account import Account, Loss
from execdb.store.file.database import Database
from execdb.store.file.sql import dicts
from execdb.store.ledger.totals import read_totals
from execdb.store.times import rfc3339
from tests.conftest import (
    BOOT_ID,
    START_NS,
    an_exec,
    counts,
    recorded,
)
from tests.store.writing.recordings import begin


def test_a_loss_that_goes_on_is_one_row(database: Database) -> None:
    recording = begin(database)
    first = Loss(1, "ring full", START_NS + 5, START_NS + 7, 3)
    recording.write([an_exec()], [], counts(1, lost=3), Account(losses=[first]))
    recording.write([], [], counts(1, lost=8), Account(losses=[first._replace(to_ns=9, lost=8)]))
    begin(database).finish(START_NS + 23, counts(0), Account(losses=[first]))
    with database.reading() as connection:
        cursor = connection.execute("SELECT * FROM losses ORDER BY run_id")
        rows = dicts(cursor, cursor.fetchall())
    assert [(row["run_id"], row["lost"]) for row in rows] == [(1, 8), (2, 3)]
    assert rows[1] == {
        "run_id": 2,
        "host": "workshop",
        "boot_id": BOOT_ID,
        "cause": "ring full",
        "from_ns": START_NS + 5,
        "from_time": rfc3339(START_NS + 5),
        "to_ns": START_NS + 7,
        "to_time": rfc3339(START_NS + 7),
        "lost": 3,
    }


def test_a_crashed_life_ended_with_its_last_sign(database: Database) -> None:
    begin(database).write([], [], counts(0), Account(START_NS + 3, START_NS + 1_009))
    begin(database, START_NS + 10**12)
    run = read_totals(database).runs[1]
    assert [run[name] for name in ("started_ns", "alive_ns", "ended_ns", "ended")] == [
        START_NS + 3,
        START_NS + 1_009,
        START_NS + 1_009,
        "crashed",
    ]


def test_a_clean_end_is_kept(database: Database) -> None:
    recording = begin(database)
    recording.finish(START_NS + 23, counts(0, lost=1))
    (run,) = read_totals(database).runs
    assert (run["ended"], run["ended_ns"], run["lost"]) == ("clean", START_NS + 23, 1)
    begin(database)
    assert read_totals(database).runs[1]["ended"] == "clean"


def test_a_life_without_an_end_is_closed_as_crashed_by_the_next(database: Database) -> None:
    recorded(database, [an_exec(7), an_exec(23)])
    begin(database, START_NS + 10**12)
    second, first = read_totals(database).runs
    assert (first["ended"], first["ended_ns"]) == ("crashed", an_exec(23).time_ns)
    assert (first["stored"], second["ended"]) == (2, None)


def test_a_life_that_recorded_nothing_ended_when_it_began(database: Database) -> None:
    begin(database)
    begin(database, START_NS + 7)
    assert read_totals(database).runs[1]["ended_ns"] == START_NS


def test_the_state_counts_everything(database: Database) -> None:
    recorded(database, [an_exec(n) for n in (7, 3, 23)])
    state = read_totals(database)
    assert (state.events, state.first_ns, state.last_ns) == (
        3,
        an_exec(3).time_ns,
        an_exec(23).time_ns,
    )
    assert state.size_bytes > 4_096
