"""A server that goes away, is slow, or is asked by many; and who can see what."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.central.conftest import Central
from tests.central.server import PASSWORD, wait_until
from tests.central.web.asking import Asking
from tests.cli.web.conftest import Serve, Served, serving

Visit = Callable[..., Page]


def _of_page(central: Central) -> list[int]:
    """The connections of the page."""
    rows = central.rows(
        "SELECT pid FROM pg_stat_activity WHERE datname = %s AND application_name = 'execdb'",
        central.name,
    )
    return [row[0] for row in rows]


def _cut(central: Central) -> None:
    for pid in _of_page(central):
        central.rows("SELECT pg_terminate_backend(%s, 5000)", pid)


def test_a_server_that_goes_away_is_a_line_and_comes_back(
    hosts: Central, page: Served, visit: Visit
) -> None:
    shown = visit(page.address)
    with hosts.server.connect() as connection:
        _cut(hosts)  # as a server that was started again
        shown.reload()
        expect(shown.locator("#time-head")).to_contain_text("execs")
        connection.execute(f"ALTER DATABASE {hosts.name} ALLOW_CONNECTIONS false".encode())
        try:
            connection.execute(
                b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                b" WHERE datname = %s AND application_name = 'execdb'",
                [hosts.name],
            )
            said = Asking(page)("/?term=comm%3Dtrue")
            assert said.status == 503
            assert PASSWORD not in said.text
            assert "not currently accepting connections" in said.text
            assert "comm=true" in said.text  # what was asked is not forgotten
        finally:
            connection.execute(f"ALTER DATABASE {hosts.name} ALLOW_CONNECTIONS true".encode())
    shown.goto(page.base)
    expect(shown.locator("#time-head")).to_contain_text("execs")


def test_what_takes_too_long_is_ended(hosts: Central, page: Served) -> None:
    ask = Asking(page)
    with psycopg.connect(hosts.admin) as connection:
        connection.execute(b"LOCK TABLE execdb.exec")
        said = ask("/")
    assert said.status == 503
    assert "took too long" in said.text
    wait_until(lambda: ask("/").status == 200)  # on a busy machine the next takes too long as well
    # Nobody is kept waiting for what the page reads.
    rows = hosts.rows("SELECT state FROM pg_stat_activity WHERE pid = ANY(%s)", _of_page(hosts))
    assert {row[0] for row in rows} == {"idle"}


def test_many_clients_share_one_connection(hosts: Central, page: Served) -> None:
    ask = Asking(page)
    wait_until(lambda: ask("/").status == 200)  # it has its connection
    statuses: list[int] = []

    def look() -> None:
        statuses.extend(ask(f"/?term=pid%3E{number}").status for number in range(3))

    clients = [threading.Thread(target=look, daemon=True) for _ in range(7)]
    for client in clients:
        client.start()
    most = 0
    while any(client.is_alive() for client in clients):
        most = max(most, len(_of_page(hosts)))
    assert most == 1
    assert {*statuses} <= {200, 400, 503}


def test_a_password_from_a_file_serves_also_without_that_file(
    hosts: Central, serve: Serve, tmp_path: Path
) -> None:
    """As root the page becomes someone who may not read it any more."""
    host = f"127.0.0.1:{hosts.server.port}"
    passwords = tmp_path / "pgpass"
    passwords.write_text(f"{host}:{hosts.name}:alice:{PASSWORD}\n")
    passwords.chmod(0o600)
    url = hosts.reader.replace(f":{PASSWORD}@", "@")
    served = serve(url, PGPASSFILE=str(passwords))
    ask = Asking(served)
    assert ask("/").status == 200
    passwords.unlink()
    _cut(hosts)
    said = ask("/")
    assert (said.status, PASSWORD in said.text) == (200, False)
    process = Path(f"/proc/{served.process.pid}")
    for name in ("cmdline", "environ"):
        try:
            assert PASSWORD.encode() not in (process / name).read_bytes()
        except PermissionError:
            assert name == "environ"
    if os.geteuid() == 0:
        uids = next(x for x in (process / "status").read_text().splitlines() if "Uid:" in x)
        assert "0" not in uids.split()[1:]


@pytest.mark.parametrize("password", ["wrong-Word", PASSWORD])
def test_it_does_not_start_without_a_store(hosts: Central, password: str) -> None:
    name = hosts.name if password != PASSWORD else "nothing"
    url = hosts.server.url(name, "alice", password=password)
    with pytest.raises(AssertionError) as failed, serving(url):
        pass
    said = str(failed.value)
    assert said.count("execdb: ") == 1
    assert password not in said
