"""What the login of a host that was taken over cannot do to other hosts."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from execdb.store.account import Loss
from execdb.store.central.tables.upgrade import upgrade
from execdb.store.central.url import CentralUrl
from tests.central.conftest import Central
from tests.central.server import PASSWORD
from tests.central.shippers import ship
from tests.central.stores import Recorder, an_end, assert_shipped, some_execs
from tests.conftest import START_NS, Answer

Run = Callable[..., Answer]
Evil = psycopg.Connection
_BEGIN = (
    "INSERT INTO execdb.run (run_id, host, boot_id, local_run_id{0}) VALUES (7, 'x', 'b', 1{1})"
)


@pytest.fixture
def victim(central: Central, own_database: Path) -> Iterator[Recorder]:
    """Has shipped 23 execs, none of which has ended, and a loss."""
    recorder = Recorder(own_database)
    recorder.write(some_execs(23), losses=[Loss(1, "ring full", START_NS, START_NS, 3)], lost=3)
    ship(own_database, central.url)
    yield recorder
    recorder.close()


@pytest.fixture
def evil(central: Central) -> Iterator[Evil]:
    """A connection of another forwarder's login."""
    central.rows(
        f"DO $$ BEGIN CREATE ROLE evil LOGIN PASSWORD '{PASSWORD}' IN ROLE execdb_forwarder;"
        " EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    url = central.server.url(central.name, "evil")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_BEGIN.format("", "").encode())
        yield connection


_ROW = (
    "run_id, id, time, nanos, pid, ppid, ns_pid, uid, euid, gid, comm, filename, argv, argc,"
    " truncated, boot_ns, message"
)
_VALUES = "0, 1, 1, 1, 0, 0, 0, 'c', 'f', '[]', 0, false, 1, 'm'"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO execdb.exec_end (run_id, id, time, nanos, status)"
        " SELECT run_id, id, time, nanos, 0 FROM execdb.exec",
        f"INSERT INTO execdb.exec ({_ROW}) SELECT run_id, 99, time, {_VALUES} FROM execdb.exec",
        f"INSERT INTO execdb.exec_stray ({_ROW})"
        f" SELECT run_id, id - 99, time, {_VALUES} FROM execdb.exec",
        "INSERT INTO execdb.exec_stray_end (run_id, id, time, nanos, status)"
        " SELECT run_id, id, time, nanos, 0 FROM execdb.exec",
        "INSERT INTO execdb.loss SELECT run_id, 9, 'c', 0, 0, 9 FROM execdb.exec LIMIT 1",
        "UPDATE execdb.loss SET lost = 0",
        "INSERT INTO execdb.filter SELECT run_id, 9, 'c', 1, 1, 0, 0, 9 FROM execdb.exec LIMIT 1",
        "INSERT INTO execdb.clock_set SELECT run_id, 9, 0, 9 FROM execdb.exec LIMIT 1",
        "INSERT INTO execdb.replayed SELECT run_id FROM execdb.exec LIMIT 1",
    ],
)
def test_it_cannot_add_to_runs_of_others_or_change_them(
    central: Central, victim: Recorder, evil: Evil, own_database: Path, sql: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not begun by the login evil"):
        evil.execute(sql.encode())
    victim.write([], [an_end(each) for each in some_execs(7)])
    ship(own_database, central.url)
    assert_shipped(central, own_database)
    assert central.rows("SELECT lost FROM execdb.loss") == [(3,)]


def test_copy_is_refused_as_well_and_so_are_partitions(
    central: Central, victim: Recorder, evil: Evil
) -> None:
    run_id = central.value("SELECT run_id FROM execdb.runs WHERE shipper = 'web1'")
    for table, number in (("exec", run_id), ("exec_stray", run_id)):
        day = central.value("SELECT min(time)::text FROM execdb.exec")
        row = [str(number), "99", day, *_VALUES.replace("'", "").split(", ")]
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="not begun"),
            evil.cursor().copy(f"COPY execdb.{table} ({_ROW}) FROM STDIN".encode()) as copy,
        ):
            copy.write("\t".join(row) + "\n")
    for (name,) in central.rows("SELECT inhrelid::regclass::text FROM pg_inherits"):
        if name.startswith("execdb.exec_") and "pkey" not in name and "_idx" not in name:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                evil.execute(f"INSERT INTO {name} DEFAULT VALUES".encode())


def test_partitions_made_before_an_upgrade_are_guarded_after_it(
    central: Central, victim: Recorder, evil: Evil
) -> None:
    upgrade(CentralUrl(central.admin))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        evil.execute(
            b"INSERT INTO execdb.exec_end (run_id, id, time, nanos, status)"
            b" SELECT run_id, id, time, nanos, 0 FROM execdb.exec"
        )


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE execdb.run SET shipped_at = 'infinity'",
        _BEGIN.format(", shipped_at", ", 'infinity'").replace("7", "8"),
        "UPDATE execdb.run SET seen = 9223372036854775807",
        "UPDATE execdb.run SET lost = -1",
        "UPDATE execdb.run SET version = repeat('x', 5000)",
        "INSERT INTO execdb.loss VALUES (7, 1, 'c', 0, 0, -1)",
        "INSERT INTO execdb.filter VALUES (7, 1, 'c', 1, 1, 0, 0, 9223372036854775807)",
        f"INSERT INTO execdb.exec_stray ({_ROW}) VALUES (7, 1, 'infinity', {_VALUES})",
        f"INSERT INTO execdb.exec_stray ({_ROW}) VALUES (7, 1, '9999-01-01', {_VALUES})",
        "INSERT INTO execdb.mark (host, id, time_ns, text, shipper)"
        " VALUES ('x', 1, 1, 't', 'web1')",
    ],
)
def test_it_cannot_store_what_no_ledger_has(central: Central, evil: Evil, sql: str) -> None:
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.CheckViolation)):
        evil.execute(sql.encode())


def test_status_is_told_whatever_the_numbers_are(
    central: Central, victim: Recorder, evil: Evil, run: Run
) -> None:
    """Of very many runs, and of a run with the name of another's host."""
    host = central.value("SELECT host FROM execdb.run WHERE shipper = 'web1'")
    evil.execute(
        b"INSERT INTO execdb.run (run_id, host, boot_id, local_run_id, seen, shipped_to_ns,"
        b" skew_ns)"
        b" SELECT n, %s, 'b', 1, 9007199254740992, 9223372036854775807, -9223372036854775808"
        b" FROM generate_series(100, 1200) AS n",
        [host],
    )
    code, out, err = run("status", "--db", central.reader)
    assert (code, err) == (0, "")
    assert "shipped by evil and web1" in out
    found = json.loads(run("status", "--db", central.reader, "--format", "json").out)
    logins = {each["host"]: each["logins"] for each in found["hosts"]}
    assert logins == {host: ["evil", "web1"], "x": ["evil"]}


def test_the_store_says_when_something_came(central: Central, evil: Evil) -> None:
    central.rows("UPDATE execdb.run SET shipped_at = '2001-01-01'")
    evil.execute(b"UPDATE execdb.run SET seen = 1")
    assert central.value("SELECT now() - shipped_at < interval '1 minute' FROM execdb.run")


def test_marks_tell_whose_login_shipped_them(central: Central, evil: Evil) -> None:
    evil.execute(b"INSERT INTO execdb.mark (host, id, time_ns, text) VALUES ('web1', 1, 1, 't')")
    assert central.rows("SELECT host, shipper FROM execdb.marks") == [("web1", "evil")]


@pytest.mark.parametrize(
    "name", ["note_days", "note_time", "note_told", "refuse_row", "refuse_rows"]
)
def test_the_triggers_of_the_store_are_for_its_own_tables(
    central: Central, evil: Evil, name: str
) -> None:
    """One of them may write what no login may."""
    evil.execute(
        b"CREATE TEMP TABLE own (run_id bigint, id bigint, time timestamptz, uid bigint,"
        b" parent_id bigint)"
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        evil.execute(
            b"CREATE TRIGGER evil AFTER INSERT ON own REFERENCING NEW TABLE AS added"
            b" FOR EACH STATEMENT EXECUTE FUNCTION execdb.%s()" % name.encode()
        )


@pytest.mark.parametrize("at", ["infinity", "200000-01-01", "-infinity"])
def test_when_a_host_told_of_its_config_is_as_the_store_saw_it(
    central: Central, evil: Evil, run: Run, at: str
) -> None:
    evil.execute(b"INSERT INTO execdb.host_config (host, told_at) VALUES ('x', %s)", [at])
    evil.execute(b"UPDATE execdb.host_config SET told_at = %s", [at])
    told = central.value("SELECT now() - told_at < interval '1 minute' FROM execdb.host_config")
    assert told is True
    code, out, err = run("config", "hosts", "--db", central.admin)
    assert (code, err) == (0, "")
    assert out.startswith("x: ")
