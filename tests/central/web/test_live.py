"""What hosts ship while one looks."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.central.conftest import Central
from tests.central.following.conftest import Host
from tests.central.server import PASSWORD
from tests.central.stores import an_end, some_execs
from tests.central.web.asking import Asking
from tests.cli.web.conftest import Serve, Served
from tests.conftest import an_exec
from tests.processes.process import PATIENCE_S, join

Visit = Callable[..., Page]


@pytest.fixture
def web1(central: Central, tmp_path: Path) -> Host:
    """With the events 1 to 5."""
    host = Host(tmp_path, "web1", central.url)
    host.ship(some_execs(5))
    return host


def live(page: Page) -> None:
    page.get_by_role("button", name="live").click()
    expect(page.locator("#live-note")).to_have_text("live")


@contextmanager
def listening(served: Served, query: str) -> Iterator["Queue[dict[str, Any]]"]:
    """The updates of a client that follows."""
    ask, found = Asking(served), Queue[dict[str, Any]]()
    port = int(ask.host.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client,
        client.makefile("rb") as lines,
    ):
        request = f"GET /live?{query} HTTP/1.0\r\nHost: {ask.host}\r\nCookie: {ask.cookie}\r\n\r\n"
        client.sendall(request.encode())
        assert b" 200 " in lines.readline()
        assert b": live\n" in iter(lines.readline, b"")
        client.settimeout(None)  # until it is shut down below

        def listen() -> None:
            for line in lines:
                if line.startswith(b"data: "):
                    found.put(json.loads(line.removeprefix(b"data: ")))

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        try:
            yield found
        finally:
            client.shutdown(socket.SHUT_RDWR)
            join(listener)


def test_what_comes_of_hosts_is_shown_with_terms(
    central: Central, web1: Host, tmp_path: Path, serve: Serve, visit: Visit
) -> None:
    web2, web3 = (Host(tmp_path, name, central.url) for name in ("web2", "web3"))
    long_lived, never = some_execs(2, 5)
    for host in (web1, web2, web3):
        host.ship([long_lived, never])
    served = serve(central.reader)
    page = visit(f"{served.address}&term=host%3Dweb1%2Cweb2&term=comm%21%3Dother")
    live(page)
    rows = page.locator("#rows tr[data-id]")
    expect(rows).to_have_count(9)
    for host in (web1, web2, web3):
        host.ship([an_exec(9, comm="other"), an_exec(10, comm="new")])
    expect(rows).to_have_count(11)
    new = rows.filter(has=page.locator(".comm", has_text="new"))
    assert {*new.locator(".host").all_inner_texts()} == {"web1", "web2"}
    expect(rows.first.locator(".comm")).to_have_text("new")
    # Programs that ran before, of which the page shows the start.
    web2.ship([], [an_end(long_lived, 0x700)])
    expect(rows.filter(has=page.locator(".took", has_text="700us"))).to_have_count(1)
    expect(page.locator("#live-note")).to_have_text("live")


def test_a_server_that_is_started_again_loses_and_doubles_nothing(
    central: Central, web1: Host, serve: Serve, visit: Visit
) -> None:
    page = visit(serve(central.reader).address)
    live(page)
    rows, note = page.locator("#rows tr[data-id]"), page.locator("#live-note")
    web1.ship(some_execs(1, 5))
    expect(rows).to_have_count(6)
    central.server.kill()
    expect(note).to_contain_text(": trying again")
    assert PASSWORD not in note.inner_text()
    central.server.start()
    web1.ship(some_execs(3, 6))
    expect(rows).to_have_count(9)
    expect(note).to_have_text("live")
    web1.ship(some_execs(1, 9))
    expect(rows).to_have_count(10)


def test_of_one_host_it_sends_what_the_page_of_the_file_sends(
    central: Central, web1: Host, serve: Serve
) -> None:
    """The last exec says that all has come."""
    query = "term=comm%21%3Dother&term=--failed&redact=1"
    with listening(serve(web1.path), query) as own, listening(serve(central.reader), query) as far:
        execs = [*some_execs(17, 5), an_exec(30, argv=("cat", "--password=x"), errno="ENOENT")]
        web1.ship(execs, [an_end(each, 0 if n % 3 else 256) for n, each in enumerate(execs[:9])])
        web1.ship([], [an_end(each) for each in execs[9:13]])
        web1.ship([an_exec(31, comm="last", errno="EACCES")])
        run_id = central.value("SELECT run_id FROM execdb.run")
        local = [re.sub(rf'(="|row=){run_id}_', r"\g<1>1_", row) for row in _rows(far)]
        assert local == _rows(own) != []


def _rows(updates: "Queue[dict[str, Any]]") -> list[str]:
    """All that came until the last one, in the order of their ids."""
    found: set[str] = set()
    while not any("EACCES" in row for row in found):
        update = updates.get(timeout=60)
        assert not update["ends"]
        parts = update["rows"].split("<tr ")[1:]
        assert not found & {*parts}
        found |= {*parts}
    return sorted(found)


def test_a_family_is_followed(central: Central, web1: Host, serve: Serve) -> None:
    shell = some_execs(1, 600)[0]
    web1.ship([shell])
    with listening(serve(central.reader), "term=--descendants-of%3D6") as updates:
        child, other = some_execs(2, 601)
        web1.ship([child._replace(parent=(shell.boot_ns, shell.pid)), other])
        update = updates.get(timeout=60)
        assert (update["rows"].count("<tr "), update["skipped"]) == (1, 0)
        assert '_7"' in update["rows"]


def test_another_host_ends_a_list_that_names_none(
    central: Central, web1: Host, tmp_path: Path, serve: Serve, visit: Visit
) -> None:
    page = visit(serve(central.reader).address)
    live(page)
    Host(tmp_path, "web2", central.url).ship(some_execs(3))
    expect(page.locator("#live-note")).to_contain_text("several hosts now: load the page again")
    expect(page.get_by_role("button", name="live")).to_have_attribute("aria-pressed", "false")


def test_a_flood_is_bounded_and_said(central: Central, web1: Host, serve: Serve) -> None:
    with listening(serve(central.reader), "") as updates:
        web1.ship(some_execs(5_003, 5))
        rows = skipped = 0
        while rows + skipped < 5_003:
            update = updates.get(timeout=60)
            assert update["rows"].count("<tr ") <= 100
            rows, skipped = rows + update["rows"].count("<tr "), skipped + update["skipped"]
        assert (rows + skipped, skipped > 4_000) == (5_003, True)
