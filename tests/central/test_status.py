"""execdb status --db URL: which hosts there are, and how far each is shipped."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from execdb.store.account import Loss
from tests.central.conftest import Central
from tests.central.server import PASSWORD
from tests.central.stores import Recorder, some_execs
from tests.conftest import MACHINE, START_NS, Answer

Run = Callable[..., Answer]


def test_each_host_is_told_with_what_it_lost(
    central: Central, run: Run, own_database: Path, tmp_path: Path
) -> None:
    for name, count in (("web1", 23), ("db\x1b[31m", 11)):
        path = tmp_path / f"{count}.db"
        recorder = Recorder(path, replace(MACHINE, host=name))
        recorder.write(
            some_execs(count), losses=[Loss(1, "ring full", START_NS, START_NS, 3)], lost=3
        )
        assert run("--db", path, "ship", "--to", central.url, "--once", "--group", "x").code == 0
        recorder.close()
    code, out, err = run("status", "--db", central.reader)
    assert (code, err) == (0, "")
    assert "events     34 shipped; 0 were pruned before" in out
    assert "ledger     seen 40 = stored 34 + filtered 0 + lost 6" in out
    assert "host       web1 (x): 23 shipped, up to 20" in out
    assert ", 3 lost" in out
    assert "\x1b" not in out
    assert PASSWORD not in out
    found = json.loads(run("status", "--db", central.reader, "--format", "json").out)
    assert [(host["host"], host["shipped"]) for host in found["hosts"]] == [
        ("db\x1b[31m", 11),
        ("web1", 23),
    ]


def test_a_host_that_is_silent_or_has_another_time_is_told(
    central: Central, run: Run, own_database: Path
) -> None:
    Recorder(own_database).write(some_execs(3))
    assert run("ship", "--to", central.url, "--once").code == 0
    central.rows(
        "UPDATE execdb.run SET shipped_at = now() - interval '3 h', skew_ns = -7200000000000"
    )
    out = run("status", "--db", central.reader).out
    assert "silent for 3" in out
    assert "its clock is 2" in out
    assert "behind" in out


def test_a_forwarder_may_ask_too_and_an_empty_store_has_no_hosts(
    central: Central, run: Run
) -> None:
    code, out, _ = run("status", "--db", central.url)
    assert code == 0
    assert "hosts      0, 0 runs" in out
