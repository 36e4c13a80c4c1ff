"""Over several days: what is asked for is found whatever day it is of, and other days are left
alone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from execdb.store.central.tables.run_days import PARENTS_MAX, UIDS_MAX
from execdb.store.event import Exec
from tests.central.asking.test_one_host import Both
from tests.central.conftest import Central
from tests.central.shippers import ship
from tests.central.stores import Recorder, an_end
from tests.central.tables.test_prune import DAY_NS, noon_ns
from tests.conftest import Answer, an_exec, some_creds
from tests.running.thorough import first

Run = Callable[..., Answer]
FIRST_DAY = 4  # days ago
DAYS = "SELECT first_id, last_id, uids, parents FROM execdb.run_day ORDER BY day"


def the_exec(number: int, day: int, parent: Exec | None = None, uid: int = 0) -> Exec:
    """At noon of a day, counted from the first."""
    after_ns = day * DAY_NS + number * 1_000_000
    return an_exec(
        number,
        time_ns=noon_ns(FIRST_DAY) + after_ns,
        boot_ns=10**12 + after_ns,
        parent=parent and (parent.boot_ns, parent.pid),
        creds=some_creds(uid=uid),
    )


def four_days(path: Path) -> None:
    """A daemon of the first day starts something on the first, the second and the fourth; what it
    starts on the second starts something on the third."""
    recorder = Recorder(path)
    daemon = the_exec(0, 0)
    middle = the_exec(3, 1, daemon)
    days = [
        [daemon, *(the_exec(n, 0, daemon) for n in (1, 2))],
        [middle, the_exec(4, 1, middle, uid=1000), the_exec(5, 1)],
        [the_exec(6, 2, middle, uid=4711), *(the_exec(n, 2) for n in (7, 8))],
        [the_exec(9, 3, daemon), the_exec(10, 3)],
    ]
    for execs in days:
        recorder.write(execs)
        recorder.write([], [an_end(each) for each in execs[1:]])
    recorder.write([], [an_end(middle)])
    recorder.finish()


@pytest.fixture
def shipped(central: Central, run: Run, own_database: Path) -> Both:
    four_days(own_database)
    ship(own_database, central.url)
    return Both(run, central, own_database)


def test_what_a_run_has_on_a_day_is_known(shipped: Both, central: Central) -> None:
    found = [(first, last, sorted(uids), parents) for first, last, uids, parents
             in central.rows(DAYS)]  # fmt: skip
    assert found == [
        (1, 3, [0], []),
        (4, 6, [0, 1000], [1]),
        (7, 9, [0, 4711], [4]),
        (10, 11, [0], [1]),
    ]


QUESTIONS = [
    ["query", "--uid", "4711"],
    ["query", "--uid", "1000,4711", "--reverse"],
    ["query", "--uid", "0", "--limit", "3"],
    ["query", "--uid", "0", "--limit", "1", "--since", "4d", "--until", "2d"],
    ["query", "uid!=0"],
    ["query", "--uid", "7"],
    ["query", "--descendants-of", "1"],
    ["query", "--descendants-of", "4", "--count"],
    ["query", "--descendants-of", "2"],
    ["tree", "--id", "1"],
    ["tree", "--id", "7", "--up"],
    ["timeline", "--every", "1d", "--uid", "0"],
    ["stats", "--uid", "0", "--by", "uid"],
    ["stats", "--descendants-of", "1"],
]


@pytest.mark.parametrize("question", first(4, QUESTIONS), ids=" ".join)
def test_the_store_says_what_the_file_says(shipped: Both, question: list[str]) -> None:
    own, far = shipped.asked(*question)
    assert far.out == own.out


def test_only_days_that_may_have_it_are_read(shipped: Both, central: Central) -> None:
    """What would be found elsewhere is not, as only the day of uid 4711 is known to have it."""
    central.rows("UPDATE execdb.exec SET uid = 4711")
    assert shipped.of_store("query", "--uid", "4711", "--count").out == "3\n"
    central.rows("UPDATE execdb.exec SET parent_id = 4 WHERE parent_id IS NULL")
    assert shipped.of_store("query", "--descendants-of", "4", "--count").out == "5\n"


def test_too_many_to_be_listed_are_looked_for(
    central: Central, run: Run, own_database: Path
) -> None:
    recorder = Recorder(own_database)
    parents = [the_exec(number, 0, uid=number % 1_013) for number in range(PARENTS_MAX + 3)]
    later = [the_exec(number, 1, parent) for number, parent in enumerate(parents, len(parents))]
    recorder.write(parents)
    recorder.write(later)
    recorder.close()
    ship(own_database, central.url)
    assert [(row[2], row[3]) for row in central.rows(DAYS)] == [(None, []), ([0], None)]
    both = Both(run, central, own_database)
    for question in (["--uid", f"{UIDS_MAX + 1}"], ["--descendants-of", "7"]):
        own, far = both.asked("query", *question)
        assert far.out == own.out
        assert own.out.count("\n") == 1


def test_days_of_a_store_of_before_are_found(shipped: Both, central: Central, run: Run) -> None:
    before = central.rows(DAYS)
    central.rows("DROP TABLE execdb.run_day")
    central.rows("DROP INDEX execdb.exec_comm")
    central.rows("UPDATE execdb.alembic_version SET version_num = '0006'")
    assert run("upgrade", "--db", central.admin).out.endswith("0006 before)\n")
    assert central.rows(DAYS) == before


def test_a_day_that_is_dropped_is_forgotten(shipped: Both, central: Central, run: Run) -> None:
    assert run("prune", "--db", central.admin, "--older-than", "2d").code == 0
    assert [row[:2] for row in central.rows(DAYS)] == [(7, 9), (10, 11)]
    assert shipped.of_store("query", "--descendants-of", "1", "--count").out == "0\n"
