"""From a change in the central store to the kernel."""

import json
import os
import subprocess
import time
from functools import partial
from typing import Any

from execdb.cli.session.central.shipping import INTERVAL_S
from tests.central.conftest import Central, central, server, template_database
from tests.kernel.bpf_state import held_map
from tests.kernel.recorder import EXECDB, Recorder, wait_for
from tests.kernel.steering.test_config import _entries as entries
from tests.processes.process import Process

__all__ = ["central", "server", "template_database"]

JITTER = 1.2
CHANGES = {"for all": (), "for web": ("--group", "web"), "web again": ("--group", "web")}


def test_a_change_in_the_central_store_is_in_the_kernel_within_the_interval_and_a_second(
    recorder: Recorder, central: Central
) -> None:
    map_id = held_map(recorder.process.pid, "config").id
    ship = [EXECDB, "--db", recorder.db, "ship", "--to", central.url, "--config", "--group", "web"]
    with Process(ship, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: hosts(recorder, central), "the forwarder to tell of its host")
            took_s = []
            for message, scope in CHANGES.items():
                recorder.run("--db", central.admin, "config", "set", "0", message, *scope)
                begun_s = time.monotonic()
                wait_for(partial(has, map_id, message), message)
                took_s.append(time.monotonic() - begun_s)
                subprocess.run(["true", message], check=True)
            assert min(took_s) < INTERVAL_S * JITTER + 1  # a busy machine may be late
            newest = hosts(recorder, central)[0]["newest"]
            wait_for(
                lambda: hosts(recorder, central)[0]["in_kernel"] == newest, "the store to know"
            )
            (told,) = hosts(recorder, central)
            assert (told["in_file"], told["lags"], told["group"]) == (newest, False, "web")
        finally:
            process.terminate()
    recorder.stop()
    mine = recorder.events("--comm", "true", "--ppid", str(os.getpid()))
    assert [each["message"] for each in mine] == [*CHANGES]


def has(map_id: str, message: str) -> bool:
    """Messages are padded in the kernel."""
    found = {uid: text.rstrip(b"\0") for uid, text in entries(map_id).items()}
    return found == {0: message.encode()}


def hosts(recorder: Recorder, central: Central) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(
        recorder.run("--db", central.admin, "config", "hosts", "--format", "json")
    )
    return told
