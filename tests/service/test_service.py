"""execdb as a service on a real systemd, from the wheel to the last file: in this order."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.service.conftest import EXECDB, put_in
from tests.service.machine import Machine

pytestmark = pytest.mark.install

# Of these tests: a machine beside this one has the same kernel, and is recorded as well.
MARK = f"service-{os.getpid()}"
UNIT = "/etc/systemd/system/execdb.service"
DROP_IN = "/run/systemd/system/execdb.service.d"


def status(machine: Machine) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        machine.try_(EXECDB, "service", "status", "--format", "json").stdout
    )
    return found


def is_back(machine: Machine, pid: str) -> bool:
    """The pid first: a killed process may be gone before systemd takes the unit for inactive."""
    return (
        machine.property("MainPID") not in (pid, "0")
        and machine.property("ActiveState") == "active"
    )


def test_it_is_installed_and_records(machine: Machine) -> None:
    done = machine.try_(EXECDB, "service", "install")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr == "execdb records to /var/lib/execdb/execdb.db, now and after each boot\n"
    assert machine.property("ActiveState") == "active"
    assert machine.property("UnitFileState") == "enabled"
    machine.shell(f"for each in 1 2 3 4 5 6 7; do /bin/true {MARK}-$each; done")
    asked = (EXECDB, "query", "--count", "comm=true", f"argv={MARK}-*")
    machine.wait_for(lambda: machine.run(*asked).strip() == "7")


def test_systemd_finds_nothing_wrong_with_the_unit(machine: Machine) -> None:
    done = machine.try_("systemd-analyze", "verify", UNIT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    told = machine.run("systemd-analyze", "security", "--no-pager", "execdb")
    level = re.search(r"exposure level for execdb.service: ([0-9.]+)", told)
    assert level is not None
    assert float(level[1]) <= 2.0


def test_it_runs_as_its_own_user_without_any_privilege(machine: Machine) -> None:
    told = machine.run("cat", f"/proc/{machine.property('MainPID')}/status")
    uid = machine.run("id", "-u", "execdb").strip()
    assert re.search(rf"^Uid:(\t{uid}){{4}}$", told, re.MULTILINE)
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert f"{name}:\t0000000000000000\n" in told
    assert "NoNewPrivs:\t1\n" in told
    assert "Seccomp:\t2\n" in told


def test_its_group_may_read_the_history_and_others_may_not(machine: Machine) -> None:
    assert machine.run("stat", "-c", "%a %U %G", "/var/lib/execdb") == "750 execdb execdb\n"
    as_nobody = ("setpriv", "--reuid=65534", "--regid=65534")
    asked = (EXECDB, "query", "--limit", "1")
    assert machine.try_(*as_nobody, "--groups=execdb", *asked).returncode == 0
    assert machine.try_(*as_nobody, "--clear-groups", *asked).returncode == 1


def test_systemd_is_told_how_much_was_recorded(machine: Machine) -> None:
    machine.wait_for(
        lambda: re.match(r"[1-9]\d* execs? recorded", machine.property("StatusText")) is not None
    )


def test_lines_in_the_journal_have_their_priority_and_execs_are_not_in_it(machine: Machine) -> None:
    lines = machine.run("journalctl", "-u", "execdb", "-o", "json").splitlines()
    said = {str(each["MESSAGE"]): each["PRIORITY"] for each in map(json.loads, lines)}
    assert said["recording to /var/lib/execdb/execdb.db"] == "6"
    warnings = {priority for line, priority in said.items() if line.startswith("warning: ")}
    assert warnings == {"4"}
    assert not any(f"{MARK}-3" in line for line in said)


def test_installed_again_it_changes_nothing(machine: Machine) -> None:
    places = "/etc /usr/local /var/lib/execdb"
    listing = f"find {places} -not -name 'execdb.db*' -printf '%p %T@ %m\n' | sort"
    before, pid = machine.shell(listing), machine.property("MainPID")
    done = machine.try_(EXECDB, "service", "install")
    assert done.stderr == "nothing to change: execdb records to /var/lib/execdb/execdb.db\n"
    assert machine.property("MainPID") == pid
    changed = {*machine.shell(listing).splitlines()} ^ {*before.splitlines()}
    assert {line for line in changed if "execdb" in line} == set()


@pytest.mark.parametrize(
    ("option", "how"),
    [
        ("--keep=31d", "systemctl reload execdb.service"),
        ("--ring-pages=256", "execdb service restart"),
    ],
)
def test_installed_again_with_other_options_it_says_how_to_use_them(
    machine: Machine, option: str, how: str
) -> None:
    done = machine.try_(EXECDB, "service", "install", option)
    assert done.stderr == f"/etc/execdb.toml changed: {how} makes the service use it\n"


def test_installed_again_with_another_database_it_restarts_there(machine: Machine) -> None:
    first, other = "/var/lib/execdb/execdb.db", "/var/lib/execdb/other.db"
    for database in (other, first):
        machine.run(EXECDB, "--db", database, "service", "install", "--keep=30d")
        done = machine.try_(EXECDB, "service", "restart")
        assert done.returncode == 0, done.stderr
        said, after = done.stderr.splitlines()
        assert said.startswith(f"the service records to another database than {database}: ")
        assert after == f"restarted: pid {machine.property('MainPID')} records"
        told = json.loads(machine.run(EXECDB, "--db", database, "status", "--format", "json"))
        assert told["collector_pid"] == int(machine.property("MainPID"))
    machine.shell(f"rm {other}*")


def test_killed_it_comes_back_and_the_gap_is_said(machine: Machine) -> None:
    pid = machine.property("MainPID")
    machine.run("kill", "-9", pid)
    machine.wait_for(lambda: is_back(machine, pid))
    assert machine.property("NRestarts") == "1"
    assert status(machine)["restarts"] == 1
    kinds = [
        each["why"] for each in json.loads(machine.run(EXECDB, "coverage", "--format", "json"))
    ]
    assert any(why == "crash" for why in kinds), kinds


def test_stuck_it_is_restarted(machine: Machine) -> None:
    machine.shell(f"mkdir -p {DROP_IN}; printf '[Service]\nWatchdogSec=4s\n' > {DROP_IN}/test.conf")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "execdb")
    pid = machine.property("MainPID")
    machine.shell("sleep 6")  # longer than the watchdog waits
    assert machine.property("MainPID") == pid
    machine.run("kill", "-STOP", pid)
    machine.wait_for(lambda: is_back(machine, pid))
    assert "Watchdog timeout" in machine.run("journalctl", "-u", "execdb", "-o", "cat")
    machine.shell(f"rm -r {DROP_IN}; systemctl daemon-reload")


def test_status_is_five_lines(machine: Machine) -> None:
    lines = machine.run(EXECDB, "service", "status").splitlines()
    assert [line.split()[0] for line in lines] == ["service", "recorded", "lost", "blind", "size"]
    assert "recording since" in lines[0]
    assert "30d" in lines[4]
    assert "2GB" in lines[4]


def test_reloaded_it_takes_other_limits_and_stays_the_same_process(machine: Machine) -> None:
    pid = machine.property("MainPID")
    machine.run("sed", "-i", 's/^keep = .*/keep = "8d"/', "/etc/execdb.toml")
    machine.run("systemctl", "reload", "execdb")
    said = ("journalctl", "-u", "execdb", "-o", "cat")
    machine.wait_for(lambda: "options read again: now --keep 8d" in machine.run(*said))
    assert machine.property("MainPID") == pid


def test_wrong_options_are_said_and_not_tried_again(machine: Machine) -> None:
    machine.run("sed", "-i", 's/^keep = .*/keep = "soon"/', "/etc/execdb.toml")
    assert machine.try_("systemctl", "restart", "execdb").returncode == 1
    machine.wait_for(lambda: machine.property("ActiveState") == "failed")
    done = machine.try_(EXECDB, "service", "status")
    assert done.returncode == 1
    assert "NOT RECORDING" in done.stdout
    assert "soon" in done.stdout


def test_a_start_that_fails_is_not_explained_by_an_older_error(machine: Machine) -> None:
    machine.shell(
        f"mkdir -p {DROP_IN}; printf '[Service]\nExecStartPre=false\n' > {DROP_IN}/t.conf"
    )
    machine.run("systemctl", "daemon-reload")
    done = machine.try_(EXECDB, "service", "restart")
    machine.shell(f"rm -r {DROP_IN}; systemctl daemon-reload; systemctl stop execdb")
    assert done.returncode == 1
    assert done.stderr.startswith("execdb: execdb.service does not start: systemctl restart ")


def test_what_the_user_changed_stays(machine: Machine) -> None:
    machine.run("sed", "-i", 's/^keep = .*/keep = "9d"/', "/etc/execdb.toml")
    text = machine.run("cat", "/etc/execdb.toml")
    done = machine.try_(EXECDB, "service", "install")
    assert done.returncode == 0, done.stderr
    assert "/etc/execdb.toml stays as it is" in done.stderr
    assert machine.run("cat", "/etc/execdb.toml") == text
    assert status(machine)["options"] == {"keep": "9d", "max-size": "2GB"}


def test_uninstalled_it_leaves_the_history_and_what_was_changed(machine: Machine) -> None:
    done = machine.try_(EXECDB, "service", "uninstall")
    assert done.returncode == 0, done.stderr
    assert "/etc/execdb.toml stays" in done.stderr
    assert machine.property("LoadState") == "not-found"
    assert machine.shell("pgrep -u execdb || true") == ""
    assert machine.shell("find /usr/local /etc/systemd /etc/sysusers.d -name '*execdb*'") == ""
    assert int(machine.run(EXECDB, "query", "--count", f"argv={MARK}-*")) == 7


def test_an_installation_that_others_can_write_is_refused(machine: Machine) -> None:
    machine.run("chmod", "g+w", EXECDB.parent)
    done = machine.try_(EXECDB, "service", "install")
    machine.run("chmod", "g-w", EXECDB.parent)
    assert done.returncode == 1
    assert "others than root can write" in done.stderr
    assert machine.property("LoadState") == "not-found"


def test_an_installation_in_roots_home_works_and_goes_without_a_trace(
    machine: Machine, wheels: Path
) -> None:
    own = Path("/root/venvs/execdb")
    machine.run("chmod", "700", "/root")
    machine.run("mkdir", "-p", own.parent)
    put_in(machine, wheels, own)
    done = machine.try_(own / "bin/execdb", "service", "install", "--max-size", "1GB")
    assert done.returncode == 0, done.stderr
    assert machine.property("ActiveState") == "active"
    done = machine.try_(own / "bin/execdb", "service", "uninstall", "--purge")
    assert done.returncode == 0, done.stderr
    elsewhere = ("/opt", "/root/venvs", "/proc", "/tmp")
    others = " ".join(f"-not -path '{place}/*'" for place in elsewhere)
    assert machine.shell(f"find / -xdev -name '*execdb*' {others}") == ""
    assert machine.try_("id", "execdb").returncode == 1
    assert machine.try_(EXECDB, "service", "uninstall").stderr == "nothing was installed\n"
