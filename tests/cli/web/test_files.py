"""Which files the page shows, for whom, and what it says of the others."""

import http.client
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
from contextlib import closing
from itertools import product
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from execdb.store.file.database import open_database
from tests.cli.conftest import Execdb
from tests.cli.hostile.forged import VALUES, forge
from tests.cli.web.conftest import Serve, Served
from tests.conftest import EXECDB, an_exec, recorded
from tests.others import AS_OTHER, others_can_run_it
from tests.processes.process import Process

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


class Client:
    """A browser without eyes."""

    def __init__(self, served: Served) -> None:
        self._place = urlsplit(served.base)
        answer = self._ask(f"/?{urlsplit(served.address).query}", {})
        self._cookie = {"Cookie": answer[2].partition(";")[0]}

    def get(self, path: str = "/") -> tuple[int, str]:
        return self._ask(path, self._cookie)[:2]

    def _ask(self, path: str, headers: dict[str, str]) -> tuple[int, str, str]:
        place = self._place
        with closing(
            http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        ) as connection:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            cookie = response.headers.get("set-cookie", "")
            return response.status, response.read().decode(), cookie


def test_an_empty_file(db: Path, serve: Serve) -> None:
    status, text = Client(serve(db)).get()
    assert status == 200
    assert "nothing has been recorded to this file yet" in text


def test_a_closed_collector(filled: Path, serve: Serve) -> None:
    status, text = Client(serve(filled)).get()
    assert status == 200
    assert "no collector is running" in text
    assert "23 execs" in text


def test_a_time_without_events(filled: Path, serve: Serve) -> None:
    client = Client(serve(filled))
    status, text = client.get("/?term=--since%3D1m")
    assert status == 200
    assert "No event fulfils these terms." in text
    assert "nothing was recorded" in text
    assert client.get("/?term=time%3D2001-01-01..2001-01-02&term=time%3D1999-01-01")[0] == 200


@others_can_run_it
def test_someone_who_may_only_read(filled: Path, reachable: Path) -> None:
    """Beside an open database, whose files are there."""
    db = Path(shutil.copy(filled, reachable))
    with open_database(db) as database:
        recorded(database, [an_exec(99)])
        for beside in reachable.iterdir():
            beside.chmod(0o644)
        command = [*AS_OTHER, str(EXECDB), "web", "--db", str(db), "--port", "0"]
        with Process(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            served = Served(process, process.stdout.readline().strip())
            assert "24 execs" in Client(served).get()[1]
            process.send_signal(signal.SIGTERM)


@AS_ROOT
def test_root_becomes_someone_else_first(filled: Path, serve: Serve) -> None:
    served = serve(filled)
    status = Path(f"/proc/{served.process.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    assert "0" not in fields["Uid"].split()
    assert {int(fields[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")} == {0}
    assert fields["NoNewPrivs"] == "1"
    shutil.chown(filled, 1234, 1234)
    owned = serve(filled)
    status = Path(f"/proc/{owned.process.pid}/status").read_text()
    assert "Uid:\t1234\t1234\t1234\t1234" in status
    assert "23 execs" in Client(owned).get()[1]


def test_a_file_that_is_replaced(filled: Path, serve: Serve) -> None:
    client = Client(serve(filled))
    filled.rename(filled.with_name("moved.db"))
    if os.geteuid() == 0:  # it may not look there any more, unless everyone may
        return
    status, text = client.get()
    assert status == 500
    assert "was moved or replaced" in text


@pytest.mark.parametrize("what", ["nothing", "text", "trigger"])
def test_a_file_that_is_refused(filled: Path, execdb: Execdb, what: str) -> None:
    if what == "nothing":
        filled.unlink()
    elif what == "text":
        filled.write_text("no database")
    else:
        with closing(sqlite3.connect(filled)) as connection, connection:
            connection.execute("CREATE TRIGGER t AFTER INSERT ON run BEGIN SELECT 1; END")
    answer = execdb("web", "--port", "0")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("execdb: ")
    assert answer.stderr.count("\n") == 1


def test_a_port_that_is_taken(filled: Path, execdb: Execdb) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        answer = execdb("web", "--port", taken.getsockname()[1])
    assert answer.returncode == 1
    assert "give another --port" in answer.stderr


def test_another_address_is_warned_of(filled: Path) -> None:
    with Process(
        [str(EXECDB), "web", "--host", "0.0.0.0", "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert "without encryption" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_forged_values_are_shown_or_refused(filled: Path, serve: Serve) -> None:
    """In the columns of the tables that only the page reads in its own way."""
    client = Client(serve(filled))
    forged = (("image", "status"), ("image", "errno"), ("origin", "uid"), ("origin", "cgroup"),
              ("program", "comm"), ("image", "time_ns"), ("image", "parent_id"),
              ("run", "started_ns"))  # fmt: skip
    for how, (table, column) in product(VALUES, forged):  # of a kind in all, then the next kind
        sql, value = VALUES[how]
        forge(filled, table, column, value, sql)
        for path in ("/", "/rows", "/?term=comm%3Dtrue", "/?term=--failed"):
            status, text = client.get(path)
            assert status in (200, 500), (how, table, column, path)
            assert "unexpected" not in text, (how, table, column, path, text)
            assert "\x1b" not in text
