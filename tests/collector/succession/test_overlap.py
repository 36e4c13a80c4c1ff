"""Which events of a new collector are rows of the old one."""

from collections.abc import Iterable
from typing import NamedTuple

from execdb.collector.succession.overlap import Overlap, Seen, without_stored
from execdb.store.event import End, Exec
from tests.conftest import an_exec

LATER_NS = 1_700  # the new one's program runs this much after the old one's


class Row(NamedTuple):
    boot_ns: int
    pid: int
    failed: bool = False
    id: int = 0
    ended: bool = False


def at(boot_ns: int, pid: int = 23, errno: str | None = None) -> Exec:
    return an_exec(0)._replace(boot_ns=boot_ns, pid=pid, errno=errno)


def compared(execs: Iterable[Exec], rows: Iterable[Row], ends: Iterable[End] = ()) -> Overlap:
    numbered = [row._replace(id=number) for number, row in enumerate(rows, 1)]
    return without_stored(Seen([*execs], [*ends], 0), numbered)


def test_an_exec_that_both_saw_is_stored_once() -> None:
    found = compared([at(1_000 + LATER_NS), at(5_000, 29)], [Row(1_000, 23)])
    assert [event.pid for event in found.new.execs] == [29]
    assert {key: row.id for key, row in found.rows.items()} == {(1_000 + LATER_NS, 23): 1}
    assert found.stored == 1


def test_a_chain_of_execs_of_one_process_is_told_apart() -> None:
    """The first exec came before the new one was attached, the last after the old one ended."""
    starts = range(0, 300_000 * 7, 300_000)
    rows = [Row(start, 23) for start in starts[:-1]]
    execs = [at(start + LATER_NS) for start in starts[1:]]
    found = compared(execs, rows)
    assert [event.boot_ns for event in found.new.execs] == [starts[-1] + LATER_NS]
    assert [row.boot_ns for row in found.rows.values()] == [*starts[1:-1]]


def test_what_the_old_one_lost_or_did_not_record_is_new() -> None:
    execs = [at(0 + LATER_NS), at(10_000, errno="ENOENT"), at(700_000_000)]
    found = compared(execs, [Row(0, 23)])
    assert [event.boot_ns for event in found.new.execs] == [10_000, 700_000_000]


def test_an_attempt_that_failed_is_an_attempt() -> None:
    found = compared([at(LATER_NS, errno="ENOENT")], [Row(0, 23, failed=True)])
    assert (found.new.execs, found.rows, found.stored) == ([], {}, 1)


def test_an_end_is_stored_once() -> None:
    rows = [Row(0, 23, ended=True), Row(7, 29), Row(9, 31, ended=True)]
    ends = [End(100, (LATER_NS, 23), 0), End(101, (7, 29), 0), End(102, (9, 31), 0)]
    found = compared([at(LATER_NS)], rows, ends)
    assert [end.image for end in found.new.ends] == [(7, 29)]
