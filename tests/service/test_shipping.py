"""The second unit, execdb-ship.service: what a machine records arrives in a central store."""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from execdb.store.central.tables.upgrade import upgrade
from execdb.store.central.url import CentralUrl
from tests.central.server import PASSWORD, Server
from tests.service.conftest import EXECDB
from tests.service.machine import Machine

pytestmark = pytest.mark.install

UNIT = "execdb-ship.service"
PASSWORD_FILE = "/etc/execdb-ship.pgpass"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """On this machine, whose network the container has."""
    with tempfile.TemporaryDirectory(prefix="execdb-postgresql-") as folder:
        Path(folder).chmod(0o755)
        found = Server(Path(folder))
        found.start()
        upgrade(CentralUrl(found.url("postgres")))
        with found.connect() as connection:
            sql = f"CREATE ROLE web1 LOGIN PASSWORD '{PASSWORD}' IN ROLE execdb_forwarder"
            connection.execute(sql.encode())
        yield found
        found.stop("immediate")


def shipped(server: Server) -> int:
    with psycopg.connect(server.url("postgres")) as connection:
        row = connection.execute(b"SELECT coalesce(sum(shipped), 0) FROM execdb.run").fetchone()
    assert row is not None
    return int(row[0])


def show(machine: Machine, name: str) -> str:
    return machine.run("systemctl", "show", UNIT, f"--property={name}", "--value").strip()


def test_a_machine_records_and_ships(machine: Machine, server: Server) -> None:
    url = f"postgresql://web1@127.0.0.1:{server.port}/postgres?sslmode=require"
    install = f"{EXECDB} service install --ship-to '{url}'"
    machine.shell(f"PGPASSWORD='{PASSWORD}' {install}")
    assert (show(machine, "ActiveState"), show(machine, "UnitFileState")) == ("active", "enabled")
    machine.shell("for each in 1 2 3 4 5 6 7; do /bin/true ship-$each; done")
    machine.wait_for(lambda: shipped(server) >= 7)
    told = json.loads(machine.run(EXECDB, "service", "status", "--format", "json"))
    assert told["ship"]["active"]
    assert "forwarder  runs since" in machine.run(EXECDB, "service", "status")
    assert machine.shell(f"{install} 2>&1").count("ships to") == 0  # nothing to change


def test_the_password_is_where_only_the_forwarder_reads_it(machine: Machine) -> None:
    assert machine.run("stat", "-c", "%a %U", PASSWORD_FILE) == "600 execdb-ship\n"
    for told in (
        machine.run("systemctl", "cat", UNIT),
        machine.run("systemctl", "show", UNIT),
        machine.run("journalctl", "-o", "export"),
        machine.run("cat", "/etc/execdb.toml"),
        machine.shell("cat /proc/[0-9]*/cmdline | tr '\\0' ' '"),
    ):
        assert PASSWORD not in told


def test_it_runs_hardened_and_cannot_write_to_the_history(machine: Machine) -> None:
    done = machine.try_("systemd-analyze", "verify", f"/etc/systemd/system/{UNIT}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    told = machine.run("systemd-analyze", "security", "--no-pager", UNIT)
    level = re.search(r"exposure level for execdb-ship.service: ([0-9.]+)", told)
    assert level is not None
    assert float(level[1]) <= 2.5
    status = machine.run("cat", f"/proc/{show(machine, 'MainPID')}/status")
    uid = machine.run("id", "-u", "execdb-ship").strip()
    assert re.search(rf"^Uid:(\t{uid}){{4}}$", status, re.MULTILINE)
    assert "CapEff:\t0000000000000000\n" in status
    as_it = ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--init-groups")
    assert machine.try_(*as_it, "sh", "-c", ": >> /var/lib/execdb/execdb.db").returncode != 0


def test_a_wrong_password_is_said(machine: Machine) -> None:
    machine.run("sed", "-i", "1s/.*/*:*:*:*:wrong/", PASSWORD_FILE)
    machine.run("systemctl", "restart", UNIT)
    machine.wait_for(lambda: show(machine, "ActiveState") != "active")
    done = machine.try_(EXECDB, "service", "status")
    assert done.returncode == 1
    assert "NOT SHIPPING" in done.stdout
    assert "password authentication failed" in done.stdout


def test_uninstalled_nothing_of_it_stays(machine: Machine) -> None:
    done = machine.try_(EXECDB, "service", "uninstall")
    assert done.returncode == 0, done.stderr
    assert f"{PASSWORD_FILE} stays" in done.stderr  # it was changed
    assert show(machine, "LoadState") == "not-found"
    done = machine.try_(EXECDB, "service", "uninstall", "--purge")
    assert done.returncode == 0, done.stderr
    assert machine.shell("find /etc /usr/local /var/lib -name '*execdb*'") == ""
    for user in ("execdb", "execdb-ship"):
        assert machine.try_("id", user).returncode == 1
