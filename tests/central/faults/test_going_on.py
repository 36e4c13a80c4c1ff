"""execdb ship as a process that goes on, and what it says when it cannot."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest

from execdb.cli.session.central.shipping import retry_s
from execdb.store.central.connection import connect
from execdb.store.central.errors import CentralError
from execdb.store.central.url import CentralUrl
from tests.central.conftest import Central
from tests.central.proxy import Proxy
from tests.central.server import PASSWORD, make_ca, wait_until
from tests.central.shippers import shipped, shipping
from tests.central.stores import Recorder, an_end, assert_shipped, some_execs
from tests.conftest import EXECDB, Answer
from tests.running.thorough import first

Run = Callable[..., Answer]


def test_it_goes_on_and_ends_at_sigterm(central: Central, own_database: Path) -> None:
    recorder = Recorder(own_database)
    execs = some_execs(211)
    recorder.write(execs[:100])
    with shipping(own_database, central.url) as process:
        wait_until(lambda: shipped(central) == 100)
        recorder.write(execs[100:], [an_end(each) for each in execs])
        wait_until(lambda: shipped(central) == 211)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.startswith("shipped 211 execs and ")
    assert err.count("\n") == 1
    assert PASSWORD not in out + err
    assert_shipped(central, own_database)


def test_the_server_is_killed(central: Central, own_database: Path) -> None:
    recorder = Recorder(own_database)
    recorder.write(some_execs(503))
    with shipping(own_database, central.url) as process:
        wait_until(lambda: shipped(central) == 503)
        central.server.kill()
        recorder.write(some_execs(503, 503))
        assert process.stderr is not None
        process.stderr.readline()
        said = process.stderr.readline()
        central.server.start()
        wait_until(lambda: shipped(central) == 1_006)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert "trying again" in said
    assert err.endswith("shipping again\n")
    assert_shipped(central, own_database)


@pytest.mark.thorough
def test_the_forwarder_is_killed_at_any_moment(central: Central, own_database: Path) -> None:
    recorder, random = Recorder(own_database), Random(7)
    for part in range(5):
        recorder.write(some_execs(1_999, 1_999 * part))
    for _ in range(3):
        with shipping(own_database, central.url) as process:
            wait_until(lambda: _connected(central) or process.poll() is not None)
            time.sleep(random.uniform(0, 0.15))  # the moment is what varies
            process.kill()
    subprocess.run(
        [EXECDB, "--db", own_database, "ship", "--to", central.url, "--once"], check=True
    )
    assert shipped(central) == 9_995
    assert_shipped(central, own_database)


def _connected(central: Central) -> bool:
    sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'execdb ship'"
    return bool(central.value(sql))


def test_the_file_is_replaced_while_shipping(central: Central, own_database: Path) -> None:
    recorder = Recorder(own_database)
    recorder.write(some_execs(11))
    other = Recorder(own_database.with_name("other.db"))
    other.write(some_execs(23, 1_000))
    other.finish()
    with shipping(own_database, central.url) as process:
        wait_until(lambda: shipped(central) == 11)
        recorder.close()
        for end in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.rename(f"{own_database}{end}", f"{own_database}-moved{end}")
        os.replace(own_database.with_name("other.db"), own_database)
        wait_until(lambda: shipped(central) == 34)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert "was replaced; trying again" in err
    assert central.value("SELECT count(*) FROM execdb.execs") == 34


REFUSALS = {
    "wrong password": (lambda c: c.server.url(c.name, "web1", password="b4d-w0rd"), "password"),
    "unknown database": (lambda c: c.server.url("nowhere", "web1"), "nowhere"),
    "unknown user": (lambda c: c.server.url(c.name, "nobody-here"), "nobody-here"),
    "nothing listens": (lambda c: c.server.url(c.name, "web1", port=1), "refused"),
    "no such host": (lambda c: "postgresql://web1@host.invalid/d", "host.invalid"),
    "half a URL": (lambda c: "postgresql://web1:b4d-w0rd@h:x/d?a", "not a URL"),
}


@pytest.mark.parametrize("case", first(2, REFUSALS))
def test_what_cannot_be_reached_is_one_line_without_the_password(
    central: Central, run: Run, own_database: Path, case: str
) -> None:
    Recorder(own_database).write(some_execs(3))
    url, words = REFUSALS[case]
    code, out, err = run("ship", "--to", url(central), "--once")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert words in err
    assert PASSWORD not in err
    assert "b4d-w0rd" not in err


def test_a_certificate_of_another_authority_is_refused(
    central: Central, run: Run, own_database: Path, tmp_path: Path
) -> None:
    Recorder(own_database).write(some_execs(3))
    make_ca(tmp_path / "other.crt")
    url = central.url.replace(str(central.server.ca), str(tmp_path / "other.crt"))
    code, _, err = run("ship", "--to", url, "--once")
    assert (code, err.count("\n")) == (1, 1)
    assert "certificate" in err
    other_host = central.url.replace("verify-ca", "verify-full")
    code, _, err = run("ship", "--to", other_host, "--once")
    assert (code, err.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    ("revision", "words"), [("9999", "newer execdb"), ("0000", "run execdb upgrade")]
)
def test_a_schema_of_another_revision_is_left_alone(
    central: Central, run: Run, own_database: Path, revision: str, words: str
) -> None:
    Recorder(own_database).write(some_execs(3))
    central.rows(f"UPDATE execdb.alembic_version SET version_num = '{revision}'")
    code, _, err = run("ship", "--to", central.url, "--once")
    assert (code, err.count("\n")) == (1, 1)
    assert words in err
    assert central.value("SELECT count(*) FROM execdb.run") == 0


def test_a_database_without_the_schema_is_one_line(
    empty: Central, run: Run, own_database: Path
) -> None:
    Recorder(own_database).write(some_execs(3))
    code, _, err = run("ship", "--to", empty.url, "--once")
    assert (code, err.count("\n")) == (1, 1)
    assert "has no schema of execdb: run execdb upgrade" in err


REFUSALS_AT_ONCE = ("wrong password", "unknown database", "unknown user", "half a URL")


@pytest.mark.parametrize("case", first(1, REFUSALS_AT_ONCE))
def test_what_is_refused_from_the_start_ends_it(
    central: Central, own_database: Path, case: str
) -> None:
    Recorder(own_database).write(some_execs(3))
    url, words = REFUSALS[case]
    with shipping(own_database, url(central)) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert words in err.splitlines()[-1]


def test_a_schema_that_is_newer_ends_it(central: Central, own_database: Path) -> None:
    Recorder(own_database).write(some_execs(3))
    central.rows("UPDATE execdb.alembic_version SET version_num = '9999'")
    with shipping(own_database, central.url) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "newer execdb" in err.splitlines()[-1]


def test_what_is_refused_later_is_said_and_tried_again(
    central: Central, own_database: Path
) -> None:
    recorder = Recorder(own_database)
    recorder.write(some_execs(3))
    ends = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name = 'execdb ship'"
    )
    with shipping(own_database, central.url) as process:
        wait_until(lambda: shipped(central) == 3)
        central.rows("ALTER ROLE web1 PASSWORD 'another'")
        try:
            central.rows(ends)
            assert process.stderr is not None
            said = [process.stderr.readline() for _ in range(3)]
        finally:
            central.rows(f"ALTER ROLE web1 PASSWORD '{PASSWORD}'")
        assert process.poll() is None
    assert any("password authentication failed" in line for line in said)
    assert all("trying again" in line for line in said[1:])


def test_a_server_that_never_answers_a_connection_is_given_up(central: Central) -> None:
    with closing(Proxy(central.server.port)) as proxy:
        proxy.silent = True
        url = CentralUrl(central.server.url(central.name, "web1", proxy.port))
        begun_s = time.monotonic()
        with pytest.raises(CentralError):
            connect(url, connect_s=2)
        assert time.monotonic() - begun_s < 15


def test_an_unencrypted_connection_to_elsewhere_would_be_noted(central: Central) -> None:
    url = central.url.partition("?")[0] + "?sslmode=disable"
    with closing(connect(CentralUrl(url))) as connection:
        assert not connection.pgconn.ssl_in_use


def test_errors_in_a_row_are_followed_by_longer_waits_up_to_a_minute() -> None:
    waits = [retry_s(failures, 0) for failures in range(12)]
    assert waits[:3] == [0.2, 0.4, 0.8]
    assert waits[-1] == 60
    assert retry_s(500, 1) == 30
