"""Events are dealt out among hosts, each with its parents and its ends."""

from contextlib import ExitStack
from pathlib import Path

from execdb.store.file.database import open_database
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.bench.central.hosts import Fleet
from tests.bench.workloads.synthetic import SESSION


def test_each_host_has_whole_sessions(tmp_path: Path) -> None:
    with ExitStack() as stack:
        fleet = Fleet(tmp_path / "hosts", 3, 6 * SESSION, 3 * SESSION, stack)
        fleet.record(fleet.events)
        assert [host.stored for host in fleet.hosts] == [2 * SESSION] * 3
        parts = fleet.parts(16)
        assert [sum(len(execs) for execs, _ in parts[host]) for host in fleet.hosts] == [
            SESSION
        ] * 3
        for execs, ends in parts[fleet.hosts[0]][1:-1]:
            assert {end.image for end in ends} <= {(each.boot_ns, each.pid) for each in execs}
            assert len(ends) >= 15  # but for those that start others
    for host in fleet.hosts:
        with open_database(host.path) as database:
            events = [*History(database).events(Filter())]
        assert sum(event.parent_id is None for event in events) == 2  # a shell for each session
        assert {event.host for event in events} == {host.name}
