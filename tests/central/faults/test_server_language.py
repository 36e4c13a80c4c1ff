"""A server whose messages are not in English: what it refuses is recognised by its code."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from execdb.store.central.connection import connect
from execdb.store.central.errors import CentralError, CentralRefusal
from execdb.store.central.url import CentralUrl
from tests.central.conftest import FORWARDER, Central, a_server, with_logins
from tests.central.server import PASSWORD
from tests.central.shippers import shipping
from tests.central.stores import Recorder, some_execs
from tests.running.thorough import first

LANGUAGE = "de_DE.UTF-8"
_CATALOGS = Path("/usr/share/locale/de/LC_MESSAGES").glob("postgres-*.mo")
pytestmark = pytest.mark.skipif(
    not ([*_CATALOGS] or os.environ.get("CI")), reason="needs the server's German messages"
)


@pytest.fixture(scope="module")
def german() -> Iterator[Central]:
    with a_server() as server:
        locales = server.folder / "locales"
        locales.mkdir()
        command = ["localedef", "-i", "de_DE", "-f", "UTF-8", str(locales / LANGUAGE)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        server.wrap = ("env", f"LOCPATH={locales}")
        server.configure(lc_messages=LANGUAGE)
        with_logins(server)
        with server.connect() as connection:
            connection.execute(b"CREATE ROLE locked NOLOGIN PASSWORD 'x'")
            connection.execute(b"CREATE DATABASE closed")
            connection.execute(b"REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
            connection.execute(b"CREATE DATABASE nobody_fits CONNECTION LIMIT 0")
        yield Central(server, "postgres")


REFUSED = {
    "a wrong password": lambda server: server.url("postgres", FORWARDER, password="b4d-w0rd"),
    "an unknown database": lambda server: server.url("nowhere", FORWARDER),
    "an unknown login": lambda server: server.url("postgres", "nobody-here"),
    "a role that is no login": lambda server: server.url("postgres", "locked", password="x"),
    "no right to connect": lambda server: server.url("closed", FORWARDER),
}


@pytest.mark.parametrize("case", first(1, REFUSED))
def test_a_refusal_is_one(german: Central, case: str) -> None:
    with pytest.raises(CentralRefusal) as caught:
        connect(CentralUrl(REFUSED[case](german.server)))
    said = str(caught.value)
    in_german = said.partition("FATAL:")[2]
    assert in_german
    assert not any(word in in_german for word in ("not", "failed", "denied"))
    assert PASSWORD not in said
    assert "b4d-w0rd" not in said


def test_what_may_pass_is_not_taken_for_a_refusal(german: Central) -> None:
    with pytest.raises(CentralError, match="FATAL") as caught:
        connect(CentralUrl(german.server.url("nobody_fits", FORWARDER)))
    assert not isinstance(caught.value, CentralRefusal)


def test_a_forwarder_that_is_refused_from_the_start_ends(
    german: Central, own_database: Path
) -> None:
    Recorder(own_database).write(some_execs(3))
    url = REFUSED["a wrong password"](german.server)
    with shipping(own_database, url) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "fehlgeschlagen" in err.splitlines()[-1]
