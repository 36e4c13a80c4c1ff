"""A service whose disk is full says what it cannot store, and stores again when there is room."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.conftest import EXECDB
from tests.service.machine import Machine

pytestmark = pytest.mark.install

STATE = Path("/var/lib/execdb")
SOME = "i=0; while [ $i -lt 1000 ]; do /bin/true $$-$i-$(printf %900d $i); i=$((i + 1)); done"


@pytest.fixture
def small(machine: Machine) -> Iterator[Machine]:
    """The history has a disk of its own, of 3 MB."""
    machine.run("mkdir", "-p", STATE)
    machine.run("mount", "-t", "tmpfs", "-o", "size=3M,mode=0750", "execdb-test", STATE)
    machine.run(EXECDB, "service", "install")
    yield machine
    done = machine.try_(EXECDB, "service", "uninstall", "--purge")
    machine.run("umount", STATE)
    assert done.returncode == 0, done.stderr


def test_a_full_disk(small: Machine) -> None:
    pid = small.property("MainPID")
    small.wait_for(lambda: small.shell(SOME) or "lossy" in _kinds(small))
    said = small.run("journalctl", "-u", "execdb", "-o", "cat", "-p", "warning")
    assert "execs are being lost (no space): no space left where the database is" in said
    small.run("mount", "-o", "remount,size=64M", STATE)
    small.wait_for(lambda: _is_stored_again(small))
    before, *since = _kinds(small)
    assert (before, {*since}) == ("blind", {"recorded", "lossy"})
    assert small.property("MainPID") == pid


def _kinds(machine: Machine) -> list[str]:
    """How the time has been recorded, up to now. While the disk is full, no ledger can say it."""
    asked = (EXECDB, "coverage", "--since", "10m", "--format", "json")
    return [period["kind"] for period in json.loads(machine.run(*asked))]


def _is_stored_again(machine: Machine) -> bool:
    machine.run("/bin/true", "there-is-room")
    return int(machine.run(EXECDB, "query", "--count", "argv=there-is-room")) > 0
