"""An image made from the Containerfile, run as docs/operations.md says, records the machine."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.bpf_state import programs_of
from tests.kernel.recorder import wait_for
from tests.processes.process import Process
from tests.service.image import DOCKER, LIMITS, Engine, engine_named, recipe

pytestmark = pytest.mark.install

ENGINES = ("podman", "docker") if DOCKER in os.environ else ("podman",)


@pytest.fixture(scope="module", params=ENGINES)
def engine(
    request: pytest.FixtureRequest, wheels: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """With the image "execdb"."""
    context = tmp_path_factory.mktemp("context")
    shutil.copytree(wheels, context / "dist")
    with engine_named(request.param, tmp_path_factory.mktemp(request.param)) as found:
        found.build(context, "execdb")
        yield found


@pytest.fixture(scope="module")
def running(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """With the container "execdb", which records."""
    folder = tmp_path_factory.mktemp("history")
    options = [word.replace("/var/lib/execdb:", f"{folder}:") for word in recipe()]
    assert options != recipe()
    engine.run("run", "-d", *LIMITS, *engine.options, *options, "execdb")
    wait_for(lambda: "recording to" in engine.try_("logs", "execdb").stderr, "the recording")
    return engine


def events(engine: Engine, *terms: str) -> list[dict[str, Any]]:
    found = engine.run("exec", "execdb", "execdb", "query", "--format", "ndjson", *terms)
    return [json.loads(line) for line in found.splitlines()]


def test_it_records_programs_of_the_machine(running: Engine) -> None:
    process = Process(["/bin/true", "of the machine"])
    process.wait()
    asked = f"pid={process.pid}", "argv=of the machine"
    wait_for(lambda: bool(events(running, *asked)), "the program")
    (event,) = events(running, *asked)
    assert event["exe"] == os.path.realpath("/bin/true")
    assert (event["host"], event["container"]) == (os.uname().nodename, None)
    assert event["ended"] == "exit"


def test_it_records_programs_of_other_containers(running: Engine) -> None:
    other = running.run(
        "run", "-d", "--rm", *LIMITS, "--network=none", "--entrypoint=true", "execdb", "in it"
    )
    wait_for(lambda: bool(events(running, "argv=in it")), "the program")
    (event,) = events(running, "argv=in it", "comm=true")
    assert (event["container"], event["ns_pid"]) == (other.strip(), 1)
    assert event["pid_ns"] is not None


def test_the_collector_is_a_user_without_capabilities(running: Engine) -> None:
    pid = running.run("inspect", "-f", "{{.State.Pid}}", "execdb").strip()
    status = Path(f"/proc/{pid}/status").read_text()
    values = dict(line.split(":\t", 1) for line in status.splitlines())
    assert "0" not in values["Uid"].split()
    assert {int(values[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {0}


def test_it_knows_programs_that_ran_before(running: Engine) -> None:
    asked = f"SELECT count(*) FROM seen WHERE pid = {os.getpid()}"
    assert (
        running.run("exec", "execdb", "execdb", "sql", "--format", "csv", asked).split()[1] == "1"
    )


def test_a_profile_that_forbids_its_calls_is_a_line(engine: Engine) -> None:
    """Podman's does, Docker's does not."""
    words = recipe()
    options = [f"--cap-add={words[n + 1]}" for n, word in enumerate(words) if word == "--cap-add"]
    options += ["--network=none", *LIMITS]
    done = engine.try_("run", "--rm", *options, "execdb", "collect", "--for", "0.1")
    assert done.returncode == (1 if engine.options else 0), done.stderr
    if not engine.options:
        return
    (line,) = done.stderr.splitlines()
    assert line.startswith("execdb: bpf(2) is forbidden here, as in many containers: ")


def test_it_ends_and_leaves_nothing(running: Engine) -> None:
    pid = int(running.run("inspect", "-f", "{{.State.Pid}}", "execdb"))
    assert programs_of(pid)
    running.run("stop", "-t", "30", "execdb")
    assert running.run("inspect", "-f", "{{.State.ExitCode}}", "execdb").strip() == "0"
    assert " lost, /var/lib/execdb/execdb.db" in running.try_("logs", "execdb").stderr
    assert not programs_of(pid)
