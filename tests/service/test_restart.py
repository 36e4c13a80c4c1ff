"""`execdb service restart` on a real systemd: no exec is missed, also across an update."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.install.conftest import Built
from tests.service.conftest import EXECDB
from tests.service.machine import Machine
from tests.service.newer import build

pytestmark = pytest.mark.install

UNIT, SECOND = "execdb.service", "execdb-handover.service"
DROP_IN = f"/run/systemd/system/{UNIT}.d"
CODE = f"{EXECDB.parents[1]}/lib/python3*/site-packages/execdb"


@pytest.fixture(scope="module")
def service(machine: Machine, wheels: Path) -> Iterator[Machine]:
    machine.run(EXECDB, "service", "install")
    yield machine
    machine.run(EXECDB, "service", "uninstall", "--purge")
    put_in(machine, *wheels.glob("execdb-*.whl"))  # these tests leave a newer one


class Storm:
    """Programs that start one after another, each with its number."""

    def __init__(self, machine: Machine, name: str) -> None:
        self._machine, self._name = machine, name
        self.count = 0

    def is_recorded(self) -> bool:
        return bool(self.numbers())

    def numbers(self) -> Counter[int]:
        terms = ("comm=true", f"argv={self._name}-*", "--limit", "0", "--format", "ndjson")
        found = map(json.loads, self._machine.run(EXECDB, "query", *terms).splitlines())
        return Counter(int(event["argv"][1].rpartition("-")[2]) for event in found)

    def begin(self) -> None:
        script = (
            f"n=0; while [ ! -e /tmp/{self._name} ]; do /bin/true {self._name}-$n; n=$((n + 1)); "
            f"done; echo $n > /tmp/{self._name}"
        )
        self._machine.run("systemd-run", "-q", f"--unit={self._name}", "sh", "-c", script)
        self._machine.wait_for(self.is_recorded)

    def end(self) -> None:
        self._machine.run("touch", f"/tmp/{self._name}")
        self._machine.wait_for(lambda: self._state() == "inactive")
        self.count = int(self._machine.run("cat", f"/tmp/{self._name}"))
        self._machine.wait_for(lambda: max(self.numbers()) == self.count - 1)

    def _state(self) -> str:
        return self._machine.try_("systemctl", "is-active", self._name).stdout.strip()


@contextmanager
def storm(machine: Machine, name: str) -> Iterator[Storm]:
    found = Storm(machine, name)
    found.begin()
    try:
        yield found
    finally:
        found.end()


@contextmanager
def service_refuses(machine: Machine) -> Iterator[None]:
    """Meanwhile the first unit does not start; the second one does."""
    refusing = f'[Service]\nExecStartPre=/bin/sh -c "test %n != {UNIT}"\n'
    machine.shell(f"mkdir -p {DROP_IN}; printf '{refusing.replace('%', '%%')}' > {DROP_IN}/t.conf")
    machine.run("systemctl", "daemon-reload")
    yield
    machine.shell(f"rm -r {DROP_IN}; systemctl daemon-reload")


def coverage(machine: Machine) -> list[dict[str, Any]]:
    """The periods since the first recording, but for what comes after the last one."""
    found = json.loads(machine.run(EXECDB, "coverage", "--format", "json"))
    first = next(n for n, period in enumerate(found) if period["kind"] == "recorded")
    return list(found[first:])


def blind_ns(machine: Machine) -> int:
    return sum(each["duration_ns"] for each in coverage(machine) if each["kind"] == "blind")


def put_in(machine: Machine, wheel: Path) -> None:
    pip = EXECDB.with_name("pip")
    machine.run(pip, "install", "-q", "--no-index", "--no-deps", "--force-reinstall", wheel)


def restarted(machine: Machine) -> None:
    done = machine.try_(EXECDB, "service", "restart")
    assert done.returncode == 0, done.stderr
    pids = re.fullmatch(
        r"restarted without a gap: pid (\d+) has taken over from pid (\d+)\n", done.stderr
    )
    assert pids is not None, done.stderr
    assert pids[1] == machine.property("MainPID") != pids[2]


def nothing_of_it_is_left(machine: Machine) -> None:
    assert machine.try_("systemctl", "cat", SECOND).returncode == 1
    assert machine.run("systemctl", "list-units", "--all", "--plain", "-q", SECOND) == ""


def test_each_exec_of_a_storm_once_across_a_restart(service: Machine) -> None:
    blind_before = blind_ns(service)
    with storm(service, "restart") as found:
        restarted(service)
        restarted(service)
    assert found.numbers() == Counter(range(found.count))
    assert blind_ns(service) == blind_before
    assert service.property("NRestarts") == "0"
    nothing_of_it_is_left(service)


def test_each_exec_of_a_storm_once_across_an_update(
    service: Machine, built: Built, wheels: Path
) -> None:
    folder = wheels / "newer"
    folder.mkdir()
    build(built, folder, "99.1")
    (wheel,) = folder.glob("*.whl")
    blind_before = blind_ns(service)
    with storm(service, "update") as found:
        put_in(service, wheel)
        service.run(EXECDB, "service", "install")
        restarted(service)
    assert found.numbers() == Counter(range(found.count))
    assert blind_ns(service) == blind_before
    versions = service.run(
        EXECDB, "sql", "SELECT version FROM runs ORDER BY run_id", "--format=csv"
    )
    assert versions.split()[-2:] == ["99.1", "99.1"]


def test_a_version_that_does_not_start_leaves_the_old_one_recording(service: Machine) -> None:
    pid = service.property("MainPID")
    service.shell(f"cd {CODE}/collector; cp collect.py /tmp; echo 'raise OSError(5)' > collect.py")
    done = service.try_(EXECDB, "service", "restart")
    service.shell(f"cp /tmp/collect.py {CODE}/collector")
    assert done.returncode == 1
    assert f"the new collector does not start, and {UNIT} still records: " in done.stderr
    assert (service.property("ActiveState"), service.property("MainPID")) == ("active", pid)
    nothing_of_it_is_left(service)


def test_the_second_unit_records_as_long_as_the_first_one_cannot_start(service: Machine) -> None:
    blind_before = blind_ns(service)
    with storm(service, "refused") as found:
        with service_refuses(service):
            done = service.try_(EXECDB, "service", "restart")
            told = json.loads(service.run(EXECDB, "service", "status", "--format", "json"))
            line = service.run(EXECDB, "service", "status").splitlines()[0]
        service.wait_for(lambda: service.property("ActiveState") == "active")
    assert done.returncode == 1
    assert f"the new collector does not start, and {SECOND} records until it does: " in done.stderr
    assert not told["active"]
    assert f"pid {told['handover_pid']} records until it does again" in line
    assert found.numbers() == Counter(range(found.count))
    assert blind_ns(service) == blind_before
    restarted(service)
    nothing_of_it_is_left(service)


def test_if_the_second_unit_fails_the_service_records(service: Machine) -> None:
    """Nothing else starts it here: it was stopped."""
    with service_refuses(service):
        assert service.try_(EXECDB, "service", "restart").returncode == 1
        service.run("systemctl", "stop", UNIT)
    assert service.property("ActiveState") == "inactive"
    told = json.loads(service.run(EXECDB, "service", "status", "--format", "json"))
    service.run("kill", "-9", str(told["handover_pid"]))
    service.wait_for(lambda: service.property("ActiveState") == "active")
    assert service.property("NRestarts") == "0"
    restarted(service)
    nothing_of_it_is_left(service)


def test_another_schema_is_an_ordinary_restart_which_is_said(
    service: Machine, built: Built, wheels: Path
) -> None:
    folder = wheels / "migrating"
    folder.mkdir()
    build(built, folder, "99.2", migrates=True)
    (wheel,) = folder.glob("*.whl")
    put_in(service, wheel)
    done = service.try_(EXECDB, "service", "restart")
    assert done.returncode == 0, done.stderr
    said, after = done.stderr.splitlines()
    assert said.startswith("this version has another schema: ")
    assert after == f"restarted: pid {service.property('MainPID')} records"
    restarted(service)


def test_an_older_version_does_not_start_and_names_the_copy_that_it_can_use(
    service: Machine, wheels: Path
) -> None:
    """Depends on the test before."""
    pid = service.property("MainPID")
    put_in(service, *wheels.glob("execdb-*.whl"))
    done = service.try_(EXECDB, "service", "restart")
    assert done.returncode == 1
    copy = service.shell("ls /var/lib/execdb/execdb.db.revision-*").strip()
    assert "was written by a newer execdb (revision " in done.stderr
    assert (
        f": install that one, or use the copy made before its upgrade: --db {copy}\n" in done.stderr
    )
    assert (service.property("ActiveState"), service.property("MainPID")) == ("active", pid)
