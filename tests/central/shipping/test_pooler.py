"""Shipping and asking through pgbouncer in transaction mode."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from execdb.store.central.connection import connect
from execdb.store.central.errors import CentralRefusal
from execdb.store.central.url import CentralUrl
from tests.central.conftest import FORWARDER, READER, Central
from tests.central.pooler import Pooler, pooler
from tests.central.server import ADMIN, PASSWORD, Server, wait_until
from tests.central.shippers import end, ship, shipped, shipping
from tests.central.stores import Recorder, an_end, assert_shipped, some_execs
from tests.conftest import MACHINE, Answer

Run = Callable[..., Answer]
HOSTS = 7


@pytest.fixture(scope="module")
def pool(server: Server) -> Iterator[Pooler]:
    with pooler(server) as pool:
        yield pool


def test_more_forwarders_than_processes_of_the_server(
    central: Central, pool: Pooler, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        recorders = []
        for number in range(HOSTS):
            path = tmp_path / f"{number}.db"
            recorder = Recorder(path, replace(MACHINE, host=f"host{number}"))
            stack.callback(recorder.close)
            recorder.write(some_execs(2_203))
            recorders.append((path, recorder))
        url = pool.url(central.name, FORWARDER)
        processes = [stack.enter_context(shipping(path, url)) for path, _ in recorders]
        wait_until(lambda: shipped(central) == HOSTS * 2_203)
        for _, recorder in recorders:
            recorder.write(some_execs(53, 5_000), [an_end(each) for each in some_execs(101)])
        wait_until(lambda: shipped(central) == HOSTS * 2_256)
        used = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename = %s"
        assert central.value(used, central.name, FORWARDER) <= 2
        assert [end(process) for process in processes] == [[]] * HOSTS
    counts = central.rows(
        "SELECT count(*), count(DISTINCT id), count(ended) FROM execdb.execs GROUP BY host"
    )
    assert counts == [(2_256, 2_256, 101)] * HOSTS


ASKED = (
    ("query", "--reverse"),
    ("query", "--limit", "301", "--format", "table"),
    ("query", "--count", "--failed"),
    ("query", "--uid", "1000", "command~=tr.e", "--format", "json"),
    ("tree",),
    ("stats", "--by", "uid"),
    ("timeline", "--by", "uid"),
)


def test_answers_are_those_without_it(
    central: Central, pool: Pooler, own_database: Path, run: Run
) -> None:
    recorder, execs = Recorder(own_database), some_execs(1_009)
    recorder.write(execs, [an_end(each) for each in execs[:500]])
    recorder.finish()
    ship(own_database, pool.url(central.name, FORWARDER))
    assert_shipped(central, own_database)
    for command in ASKED:
        direct = run(*command, "--db", central.reader)
        assert direct.out
        pooled = run(*command, "--db", pool.url(central.name, READER))
        assert (pooled.code, pooled.out) == (0, direct.out), pooled.err


def test_the_schema_is_made_and_days_are_removed_through_it(
    empty: Central, pool: Pooler, own_database: Path, run: Run
) -> None:
    admin = pool.url(empty.name, ADMIN)
    assert run("upgrade", "--db", admin).code == 0
    Recorder(own_database).write(some_execs(23))
    ship(own_database, pool.url(empty.name, FORWARDER))
    code, out, err = run("prune", "--db", admin, "--older-than", "90d")
    assert (code, err) == (0, "")
    assert out.startswith("removed 0 execs")
    assert run("config", "set", "0", "Hey", "--db", admin).code == 0
    assert "Hey" in run("config", "list", "--db", admin).out


@pytest.mark.parametrize(
    ("database", "password"), [("nowhere", PASSWORD), ("postgres", "b4d-w0rd")]
)
def test_what_it_refuses_is_refused(pool: Pooler, database: str, password: str) -> None:
    with pytest.raises(CentralRefusal):
        connect(CentralUrl(pool.url(database, FORWARDER, password)))
